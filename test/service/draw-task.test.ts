import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Model } from '../../src/engine/pipeline/model.ts';
import { openModel } from '../../src/engine/pipeline/open-model.ts';
import { drawTask } from '../../src/engine/service/draw-task.ts';
import type { InferenceProgress } from '../../src/engine/service/inference-messages.ts';
import type { Task } from '../../src/task.ts';

let model: Model;
beforeAll(async () => {
  model = await openModel('test/golden/kandinsky-tiny', { threads: 1 });
}, 120_000);
afterAll(() => model.close());

test('an interpolation is one GIF; the steps of inversion and drawing are shown, and few of the frames', async () => {
  const file = async (name: string) => ({ name, bytes: await readFile(`test/golden/kandinsky-tiny/${name}`) });
  const shown: InferenceProgress[] = [];
  const settings = { seed: 1, steps: 3 };
  const pictures = [await file('a.png'), await file('b.png')];
  const task: Task<(typeof pictures)[0]> = { kind: 'interpolate', pictures, frames: 7, noise: 'inverted', settings };
  const drawn = await drawTask(model, task, {
    signal: new AbortController().signal,
    onProgress: (progress) => shown.push(progress),
  });
  expect(drawn).toMatchObject([{ extension: 'gif', recipe: { operation: 'interpolate', steps: 3 } }]);
  expect(await sharp(drawn[0]!.data).metadata()).toMatchObject({ format: 'gif', pages: 12, width: 64 });
  const inversion = [1, 2, 3, 4, 5, 6].map((step) => ({ stage: 'inversion', step, steps: 6 }));
  expect(shown.slice(0, 6)).toEqual(inversion);
  expect(shown.at(-1)).toMatchObject({ step: 3, steps: 3 });
  const previews = shown.flatMap(({ previews = [] }) => [previews.length]);
  expect(Math.max(0, ...previews)).toBeLessThanOrEqual(4);
}, 120_000);
