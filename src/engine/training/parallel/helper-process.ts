import { writeFileSync } from 'node:fs';
import { explainFullDisk } from '../full-disk.ts';
import { computeGradients } from '../gradients.ts';
import { parametersOf } from '../loop.ts';
import { createTask } from '../parts.ts';
import { loadTensorFlow } from '../tensorflow.ts';
import type { FromHelper, HelperOrder, ToHelper } from './messages.ts';
import { readNumbers } from './numbers.ts';

// The program of a helping process: computes gradients for the process that started it, until that one is gone.

// Whoever stops the training tells the other process, which first ends its step.
process.on('SIGTERM', () => {});
process.on('disconnect', () => process.exit());

function answer(message: FromHelper): void {
  // nobody is there to hear of an answer that can't be sent
  if (process.connected) process.send!(message, undefined, undefined, () => {});
}

async function open(order: HelperOrder) {
  const tf = await loadTensorFlow();
  const task = await createTask(tf, order.part, { ...order, time: 0, say: () => {} });
  const parameters = await parametersOf(tf, task);
  const numbers = new Float32Array(parameters.size);
  return async (step: number) => {
    readNumbers(order.values, numbers);
    const values = parameters.tensors(tf, numbers);
    const { gradients, figures } = await computeGradients(tf, task, parameters, values, step, order.precision);
    await explainFullDisk(order.gradients, async () =>
      writeFileSync(order.gradients, parameters.flatten(gradients, numbers)),
    );
    tf.dispose([values, gradients]);
    answer({ type: 'computed', figures });
  };
}

let compute: Awaited<ReturnType<typeof open>>;

process.on('message', async (message: ToHelper) => {
  try {
    if (message.type === 'open') {
      compute = await open(message.order);
      answer({ type: 'opened' });
    } else await compute(message.step);
  } catch (error) {
    answer({ type: 'failed', message: (error as Error).message });
  }
});
