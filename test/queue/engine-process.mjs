// An engine for tests, as a process that can be killed: node engine-process.mjs CONFIG
// A prompt is the number of milliseconds to work, and a name: "500 heart".
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { startDrawWorker } from '../../dist/src/queue/draw-worker.js';

const worker = await startDrawWorker(
  JSON.parse(process.argv[2]),
  async ({ task: { prompt } }, { attempt, signal }) => {
    process.send({ event: 'started', prompt, attempt });
    const onAbort = () => process.send({ event: signal.reason.why, prompt, attempt });
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort);
    await sleep(Number.parseInt(prompt, 10), undefined, { signal });
    process.send({ event: 'finished', prompt, attempt });
    return { outcome: 'delivered' };
  },
  { concurrency: 4, onGivenUp: async () => {}, log: pino({ level: process.env.LOG_LEVEL || 'silent' }) },
);
process.on('SIGTERM', async () => {
  await worker.close();
  process.disconnect();
});
