// A bot for tests, as a process: adds one job and ends. node bot-process.mjs CONFIG MESSAGE
import { pino } from 'pino';
import { openDrawQueue } from '../../dist/src/queue/draw-queue.js';

const [config, messageId] = process.argv.slice(2);
const queue = await openDrawQueue(JSON.parse(config), { log: pino({ level: process.env.LOG_LEVEL || 'silent' }) });
await queue.add({
  version: 1,
  task: { kind: 'imagine', prompt: 'red heart', settings: { seed: 1 } },
  reply: { channelId: '1', messageId, userId: '1', attachmentSizeLimit: 1 },
});
await queue.close();
process.disconnect();
