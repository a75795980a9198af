import { InputError } from '../../errors.ts';
import type { Task } from '../../task.ts';
import { draw } from '../pipeline/draw.ts';
import type { Model } from '../pipeline/model.ts';
import { openModel } from '../pipeline/open-model.ts';
import type { PictureFile } from '../pipeline/plan.ts';
import { recipesFor } from '../pipeline/recipes.ts';
import { chooseProvider } from '../runtime/provider.ts';
import { lanesFor } from '../runtime/runtime.ts';
import { drawTask } from './draw-task.ts';
import type { InferenceRequest, InferenceResponse } from './inference-messages.ts';

/**
 * The process that runs the networks. onnxruntime computes on the thread that calls it, so a process that must answer
 * Discord and renew the queue's locks can't call it; and when memory runs out here, the engine lives on.
 */
let model: Model | undefined;
const running = new Map<number, AbortController>();

process.on('message', async (request: InferenceRequest) => {
  switch (request.type) {
    case 'open':
      return open(request.options);
    case 'draw':
      return drawFor(request.id, request.task);
    case 'abort':
      return running.get(request.id)?.abort();
  }
});
// The engine process is gone, perhaps killed: nobody is left to draw for.
process.on('disconnect', () => process.exit());

async function open(options: Extract<InferenceRequest, { type: 'open' }>['options']) {
  try {
    const { modelDir, threads, precision, concurrency } = options;
    const provider = await chooseProvider(options.provider);
    const { executionProviders } = provider;
    const lanes = lanesFor(threads);
    model = await openModel(modelDir, { threads, lanes, executionProviders, precision, maxRows: 2 * concurrency });
    send({ type: 'opened', model: model.name, provider });
    await warmUp(model);
  } catch (error) {
    send({ type: 'failed', ...described(error) });
  }
}

/** Networks load their weights at the first run: here, and not while somebody waits. */
async function warmUp(opened: Model) {
  const { embeddingWidth: width, priors } = opened;
  const imageEmbedding = { data: new Float32Array(width), shape: [1, width] };
  const subject =
    priors.length > 0
      ? ({ operation: 'imagine', prompt: 'a' } as const)
      : ({ operation: 'variations', imageEmbedding } as const);
  await draw(opened, recipesFor(opened, subject, { seed: 0, steps: 1, count: 1 }));
}

async function drawFor(id: number, task: Task<PictureFile>) {
  const controller = new AbortController();
  running.set(id, controller);
  try {
    const pictures = await drawTask(model as Model, task, {
      signal: controller.signal,
      onProgress: (progress) => send({ type: 'progress', id, progress }),
    });
    send({ type: 'drawn', id, pictures });
  } catch (error) {
    send({ type: 'failed', id, ...described(error) });
  } finally {
    running.delete(id);
  }
}

function described(error: unknown): { input: boolean; message: string } {
  if (error instanceof InputError) return { input: true, message: error.message };
  return { input: false, message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

function send(response: InferenceResponse) {
  // an engine that is gone needs no answer
  process.send?.(response, undefined, undefined, () => {});
}
