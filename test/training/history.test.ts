import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkpointOf, saveCheckpoint } from '../../src/engine/training/checkpoint.ts';
import { historyOfRuns } from '../../src/engine/training/history.ts';
import { initialState } from '../../src/engine/training/optimizer/optimizer.ts';
import { Parameters } from '../../src/engine/training/parameters.ts';

let runs: string;
beforeEach(async () => {
  runs = await mkdtemp(join(tmpdir(), 'unclip-history-'));
  await mkdir(join(runs, 'prior'));
});
afterEach(() => rm(runs, { recursive: true }));

async function saveAt(step: number): Promise<void> {
  const parameters = new Parameters([{ name: 'w', shape: [1], offset: 0, size: 1 }]);
  await saveCheckpoint(checkpointOf(runs, 'prior'), parameters, { ...initialState(Float32Array.of(1)), step });
}

const MINUTE = 60_000;
/** A line a minute for each step. */
const steps = (first: number, last: number, start: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => ({ step: first + i, time: start + i * MINUTE }));
const log = (...lines: object[]) =>
  writeFile(join(runs, 'prior', 'log.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
const historyOfPrior = async () => (await historyOfRuns(runs, 'decoder')).get('prior');

test('steps are those of the checkpoint, and what a sudden stop has lost is no history of it', async () => {
  const evaluation = (step: number, loss: number) => ({ step, time: step * MINUTE, evaluation: { loss } });
  await saveAt(4);
  await log(...steps(1, 3, MINUTE), evaluation(3, 0.3), ...steps(4, 6, 4 * MINUTE), evaluation(6, 0.6));
  expect(await historyOfPrior()).toEqual({ steps: 4, hours: 3 / 60, figures: { loss: 0.3 } });

  // killed at step 6, gone on with from step 4
  await saveAt(7);
  await log(...steps(1, 6, MINUTE), ...steps(5, 7, 60 * MINUTE));
  expect(await historyOfPrior()).toEqual({ steps: 7, hours: 5 / 60, figures: {} });
  await rm(checkpointOf(runs, 'prior'));
  expect(await historyOfPrior()).toBeUndefined();
});

test('a pause between two runs is no time of training, an evaluation is', async () => {
  await saveAt(20);
  const evaluation = { step: 10, time: 14 * MINUTE, evaluation: { loss: 0.1 } };
  await log(...steps(1, 10, 0), evaluation, ...steps(11, 20, 28 * MINUTE));
  expect((await historyOfPrior())?.hours).toBeCloseTo((9 + 5 + 9) / 60);
});

test('figures of the model that it started from stay until it is evaluated', async () => {
  const before = { steps: 100, hours: 1, figures: { heldOutLoss: 0.5 } };
  await writeFile(join(runs, 'prior', 'before.json'), JSON.stringify({ prior: before }));
  expect(await historyOfPrior()).toEqual(before);
  await saveAt(2);
  await log(...steps(1, 2, 0));
  expect(await historyOfPrior()).toEqual({ ...before, steps: 102, hours: 1 + 1 / 60 });
  await log(...steps(1, 2, 0), { step: 2, time: 2 * MINUTE, evaluation: { trainLoss: 0.2 } });
  expect((await historyOfPrior())?.figures).toEqual({ trainLoss: 0.2 });
});
