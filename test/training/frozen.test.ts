import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { movqDecoder, movqEncoder } from '../../src/engine/networks/movq.ts';
import { TfjsOps } from '../../src/engine/ops/tfjs-ops.ts';
import { WeightMismatchError } from '../../src/engine/ops/weights.ts';
import { checkpointOf, saveCheckpoint } from '../../src/engine/training/checkpoint.ts';
import { initialState } from '../../src/engine/training/optimizer/optimizer.ts';
import { Parameters } from '../../src/engine/training/parameters.ts';
import { trainedMovq } from '../../src/engine/training/tasks/frozen.ts';
import { movqConfig } from '../../src/engine/training/tasks/movq.ts';
import { tensorflow as tf } from './tensorflow-js.ts';

let runs: string;
const config = movqConfig([8, 16]);
beforeAll(async () => {
  runs = await mkdtemp(join(tmpdir(), 'unclip-frozen-'));
  const ops = new TfjsOps(tf);
  const parameters = Parameters.of(ops, (weights) => {
    movqDecoder(ops, weights, config)(movqEncoder(ops, weights, config)(tf.zeros([1, 4, 4, 4])));
  });
  await mkdir(join(runs, 'movq'));
  await saveCheckpoint(checkpointOf(runs, 'movq'), parameters, initialState(parameters.initialise(0)));
});
afterAll(() => rm(runs, { recursive: true }));

test('a network that is used has the sizes of its config.json', async () => {
  const { weights } = await trainedMovq(tf, runs, config);
  expect(weights.get('encoder.conv_in.weight', [8, 4, 3, 3]).shape).toEqual([3, 3, 4, 8]);
});

test('or is refused when it is opened, with both files', async () => {
  const opened = trainedMovq(tf, runs, movqConfig([8, 8]));
  await expect(opened).rejects.toThrow(WeightMismatchError);
  await expect(opened).rejects.toThrow(
    `found (16, 8, 3, 3) in ${checkpointOf(runs, 'movq')}, whose sizes ${join(runs, 'movq', 'config.json')} tells`,
  );
});
