import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { Config } from '../../config.ts';
import { Delivery } from '../../discord/delivery.ts';
import { createRest } from '../../discord/rest.ts';
import { cancelled, drawing, failed, finished } from '../../discord/views.ts';
import { InputError } from '../../errors.ts';
import { DrawAborted, type DrawContext, type DrawHandler, startDrawWorker } from '../../queue/draw-worker.ts';
import type { DrawJob, DrawResult } from '../../queue/messages.ts';
import { MAX_COUNT } from '../../recipe.ts';
import { mapPictures } from '../../task.ts';
import { choosePrecision } from '../quantisation/precision.ts';
import { download } from './download.ts';
import { Inference } from './inference.ts';

export interface Engine {
  /** Hands unfinished jobs back to the queue. */
  close(): Promise<void>;
}

/**
 * Takes jobs from the queue, draws them, and shows progress, previews and pictures on Discord.
 * @throws InputError when the model folder can't be used, or the queue can't be reached
 */
export async function startEngine(config: Config & { discordToken: string }, log: Logger): Promise<Engine> {
  const { modelDir, engineThreads: threads, engineProvider: provider, engineConcurrency: concurrency } = config;
  const { precision, reason } = await choosePrecision(modelDir, config.enginePrecision);
  log.info({ precision, reason }, `the networks compute in ${precision}`);
  const rest = createRest({ token: config.discordToken, apiUrl: config.discordApiUrl });
  const options = { modelDir, threads, provider, precision, concurrency: concurrency * MAX_COUNT };
  const inference = await Inference.start(options, log);
  const deliver = (reply: DrawJob['reply']) => new Delivery({ reply, rest, log });

  const draw: DrawHandler = (job, context) => drawJob(job, context, inference, deliver(job.reply));
  const worker = await startDrawWorker(config, draw, {
    concurrency,
    onGivenUp: async ({ id, reply, reason }) => {
      const errorId = randomUUID().slice(0, 8);
      log.error({ id, errorId, reason }, 'a drawing was given up');
      await deliver(reply).finish(failed({ reply }, reason, errorId));
    },
    log,
  }).catch(async (error) => {
    await inference.close();
    throw error;
  });
  return {
    async close() {
      await worker.close();
      await inference.close();
    },
  };
}

async function drawJob(
  job: DrawJob,
  { attempt, signal }: DrawContext,
  inference: Inference,
  delivery: Delivery,
): Promise<DrawResult> {
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  if (attempt > 1 && (await delivery.hasEnded())) return { outcome: 'delivered' };
  try {
    const stop = AbortSignal.any([signal, delivery.signal]);
    const pictures = await inference.draw(await mapPictures(job.task, (picture) => download(picture, stop)), {
      signal: stop,
      onProgress: (progress) => delivery.progress(drawing(job, { ...progress, seconds: seconds() })),
    });
    const [first, ...others] = pictures;
    if (!first) throw new Error('the engine drew nothing');
    return await delivery.finish(finished(job, [first, ...others], seconds()));
  } catch (error) {
    if (error instanceof InputError) return delivery.refuse(error.message);
    if (signal.aborted && signal.reason instanceof DrawAborted && signal.reason.why === 'cancelled') {
      await delivery.finish(cancelled(job));
      return { outcome: 'cancelled' };
    }
    if (delivery.signal.aborted) return { outcome: 'undeliverable', reason: 'the message is gone' };
    throw error;
  }
}
