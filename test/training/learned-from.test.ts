import { mkdir, mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tensor } from '../../src/engine/tensor.ts';
import { checkpointOf, saveCheckpoint } from '../../src/engine/training/checkpoint.ts';
import { keptFor } from '../../src/engine/training/kept-file.ts';
import { findMisfits, learnsFrom } from '../../src/engine/training/learned-from.ts';
import { initialState } from '../../src/engine/training/optimizer/optimizer.ts';
import { Parameters } from '../../src/engine/training/parameters.ts';
import type { Part } from '../../src/engine/training/part-names.ts';
import { loadClip } from '../../src/engine/training/tasks/frozen.ts';
import { writeSafetensors } from '../../src/engine/weights/safetensors.ts';

let runs: string;
beforeEach(async () => {
  runs = await mkdtemp(join(tmpdir(), 'unclip-learned-'));
});
afterEach(() => rm(runs, { recursive: true }));

const parameters = new Parameters([{ name: 'w', shape: [1], offset: 0, size: 1 }]);

/** Saves a part as its training does, with a weight of this value. */
async function save(part: Part, step: number, value = step): Promise<void> {
  const learnedFrom = await learnsFrom(runs, part);
  await mkdir(join(runs, part), { recursive: true });
  await saveCheckpoint(
    checkpointOf(runs, part),
    parameters,
    { ...initialState(Float32Array.of(value)), step },
    { learnedFrom },
  );
}
const misfits = async (...parts: Part[]) =>
  (await findMisfits(runs, parts)).map(({ part, source, before, now }) => [part, source, before?.step, now?.step]);

test('a part fits again once it is trained after what it learns from', async () => {
  for (const part of ['movq', 'clip', 'prior', 'decoder'] as const) await save(part, 10);
  expect(await misfits('prior', 'decoder')).toEqual([]);
  await save('clip', 20);
  expect(await misfits('prior', 'decoder')).toEqual([
    ['prior', 'clip', 10, 20],
    ['decoder', 'clip', 10, 20],
  ]);
  await save('decoder', 11);
  expect(await misfits('prior', 'decoder')).toEqual([['prior', 'clip', 10, 20]]);
});

test('another network of as many steps is another, and a text encoder that was distilled since too', async () => {
  for (const part of ['clip', 'prior'] as const) await save(part, 10);
  await save('clip', 10, 11);
  expect(await misfits('prior')).toEqual([['prior', 'clip', 10, 10]]);
  await save('prior', 11);
  await save('distil', 5);
  expect(await misfits('prior')).toEqual([['prior', 'distil', undefined, 5]]);
});

test('a fine-tuned decoder stays that of the decoder that it began as', async () => {
  for (const part of ['movq', 'clip', 'decoder', 'fine-tune'] as const) await save(part, 10);
  await save('decoder', 20);
  await save('fine-tune', 20);
  expect(await misfits('fine-tune')).toEqual([['fine-tune', 'decoder', 10, 20]]);
});

test.each(['distil', 'vision'] as const)(
  'an encoder that %s has trained further is not used once CLIP has become another, until it is trained again',
  async (part) => {
    await save('clip', 10);
    await save(part, 5);
    expect((await loadClip(runs)).get('w')!.data[0]).toBe(5);
    await save('clip', 10, 11);
    await expect(loadClip(runs)).rejects.toThrow(
      `${part === 'vision' ? `delete ${join(runs, part)}, then ` : ''}run npm run train -- ${part} again`,
    );
    await save(part, 6);
    expect((await loadClip(runs)).get('w')!.data[0]).toBe(6);
  },
);

test('a checkpoint of an earlier version tells nothing', async () => {
  for (const part of ['clip', 'prior'] as const) await save(part, 10);
  await writeSafetensors(checkpointOf(runs, 'prior'), new Map([['step', tensor(Float32Array.of(10), [1])]]));
  await save('clip', 20);
  expect(await misfits('prior')).toEqual([]);
});

test('what a run learns in terms of is found anew with another CLIP, until the run has a checkpoint', async () => {
  const path = join(runs, 'ar-prior', 'components.safetensors');
  const found = async (clip: string, value: number) => {
    const compute = async () => new Map([['x', tensor(Float32Array.of(value), [1])]]);
    return (await keptFor(checkpointOf(runs, 'ar-prior'), path, clip, expect.unreachable, compute)).get('x')!.data[0];
  };
  expect([await found('a', 1), await found('a', 2), await found('b', 3)]).toEqual([1, 1, 3]);
  await save('ar-prior', 1);
  expect(await found('c', 4)).toBe(3);
  // nor is it found anew where it was lost: it would be another one
  await truncate(path, 10);
  await expect(found('b', 5)).rejects.toThrow(`${path} is damaged (not a safetensors file, or cut off`);
  await rm(path);
  await expect(found('b', 5)).rejects.toThrow(
    `${path} is missing, and what ar-prior has learned means nothing without it: put back a copy of it, or delete ${join(runs, 'ar-prior')}`,
  );
});
