import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openBench } from '../../src/engine/evaluation/report/bench.ts';
import { openJudge } from '../../src/engine/runtime/networks/judge.ts';
import { checkpointOf, loadAverage } from '../../src/engine/training/checkpoint.ts';
import { Dataset } from '../../src/engine/training/data/dataset.ts';
import { Dice } from '../../src/engine/training/dice.ts';
import { parametersOf, trainStep } from '../../src/engine/training/loop.ts';
import { openOptimizer } from '../../src/engine/training/optimizer/open-optimizer.ts';
import { initialState } from '../../src/engine/training/optimizer/optimizer.ts';
import { trainPart } from '../../src/engine/training/parts.ts';
import { writeRunConfig } from '../../src/engine/training/run-config.ts';
import { isSetUp } from '../../src/engine/training/setup/setup.ts';
import { classifierConfig, classifierTask } from '../../src/engine/training/tasks/classifier.ts';
import { clipPixels, type View, WHOLE } from '../../src/engine/training/tasks/clip-preprocess.ts';
import { mirror, randomView, type ViewKind } from '../../src/engine/training/tasks/views.ts';
import { loadTensorFlow } from '../../src/engine/training/tensorflow.ts';
import { InputError } from '../../src/errors.ts';
import { SMALL_JUDGE, writeRandomJudge } from '../report/random-judge.ts';
import { drawTiny, writeTinyDataset } from '../report/tiny-dataset.ts';
import { tensorflow as tf } from './tensorflow-js.ts';

const READY = isSetUp('cpu') || isSetUp('gpu');
const STYLES = ['flat', 'striped'];

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unclip-judge-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(dir, { recursive: true, force: true });
});

async function tinyDataset(): Promise<Dataset> {
  const names = ['red', 'green', 'blue'];
  const pairs = names.flatMap((concept) => STYLES.map((style) => ({ concept, style })));
  const split = (style: string, concept: string) =>
    style === 'striped' && concept === 'blue' ? ('held-out-pair' as const) : ('train' as const);
  return new Dataset(
    await writeTinyDataset(
      join(dir, 'data'),
      names.map((name) => ({ name })),
      pairs.flatMap((pair) => Array(2).fill({ ...pair, split: split(pair.style, pair.concept) })),
    ),
  );
}

describe('what the judge tells apart', () => {
  test('are names with at least two training pictures; concepts of one name are one', async () => {
    const data = await writeTinyDataset(
      dir,
      [{ name: 'camera' }, { name: 'sun' }, { name: 'moon' }],
      [
        { concept: 'camera', style: 'flat', split: 'train' },
        { concept: 'sun', style: 'flat', split: 'train' },
        { concept: 'sun', style: 'striped', split: 'train' },
        { concept: 'moon', style: 'flat', split: 'train' },
        { concept: 'moon', style: 'striped', split: 'held-out-pair' },
      ],
    );
    const concepts = join(data, 'concepts.jsonl');
    // the moon is an icon of a camera
    await writeFile(concepts, (await readFile(concepts, 'utf8')).replace('"name":"moon"', '"name":"camera"'));
    expect(classifierConfig('judge', new Dataset(data))).toMatchObject({ concepts: ['camera', 'sun'], styles: STYLES });
  });

  test('are at least two', async () => {
    const data = await writeTinyDataset(dir, [{ name: 'sun' }], [{ concept: 'sun', style: 'flat', split: 'train' }]);
    expect(() => classifierConfig('judge', new Dataset(data))).toThrow('at least two, found 0');
  });
});

describe('what the judge sees', () => {
  test('is mirrored, but not where the name says left or right', () => {
    // the left half is darker
    const half = () => drawTiny(0, 'flat').map((value, i) => ((i >> 2) % 128 < 64 || i % 4 === 3 ? value : 255));
    const isMirrored = (name: string, step: number) => {
      const pixels = randomView(half(), name, 16, new Dice(0, step), 'strong');
      const [left, right] = [pixels[(8 * 16 + 5) * 3 + 2]!, pixels[(8 * 16 + 10) * 3 + 2]!];
      return right < left;
    };
    const steps = [...Array(40).keys()];
    expect(new Set(steps.map((step) => isMirrored('hand', step)))).toEqual(new Set([true, false]));
    expect(steps.some((step) => isMirrored('hand pointing left', step))).toBe(false);
  });

  test('is sometimes nearly grey, but not where its name says a colour, nor in a gentle view', () => {
    const chroma = (name: string, step: number, kind: ViewKind) => {
      const red = Uint8Array.from({ length: 128 * 128 * 4 }, (_, i) => [200, 0, 0, 255][i % 4]!);
      const pixels = randomView(red, name, 16, new Dice(0, step), kind);
      const middle = [...pixels.subarray((8 * 16 + 8) * 3, (8 * 16 + 8) * 3 + 3)];
      return Math.max(...middle) - Math.min(...middle);
    };
    const least = (name: string, kind: ViewKind) =>
      Math.min(...Array.from({ length: 60 }, (_, step) => chroma(name, step, kind)));
    expect(least('heart', 'strong')).toBeLessThan(0.15);
    expect(least('red heart', 'strong')).toBeGreaterThan(0.15);
    // of which the style is to be told
    expect(least('heart', 'gentle')).toBeGreaterThan(1);
  });

  test('is sometimes of other colours, but not where its name says a colour, nor in a gentle view', () => {
    const colours = (name: string, kind: ViewKind) =>
      Array.from({ length: 60 }, (_, step) => {
        const red = Uint8Array.from({ length: 128 * 128 * 4 }, (_, i) => [200, 0, 0, 255][i % 4]!);
        const pixels = randomView(red, name, 16, new Dice(0, step), kind);
        const [r, g, b] = [...pixels.subarray((8 * 16 + 8) * 3, (8 * 16 + 8) * 3 + 3)] as [number, number, number];
        if (Math.max(r, g, b) - Math.min(r, g, b) < 0.3) return 'grey';
        return r > Math.max(g, b) ? 'red' : 'other';
      });
    // some strong views are partly hidden, by whatever colour
    const others = (found: readonly string[]) => found.filter((colour) => colour === 'other').length;
    expect(others(colours('heart', 'strong'))).toBeGreaterThan(others(colours('red heart', 'strong')) + 4);
    expect(others(colours('heart', 'gentle'))).toBe(0);
  });

  test('is bent: each place is moved by what its row and its column say', () => {
    const picture = Uint8Array.from({ length: 128 * 128 * 4 }, (_, i) => ((i >> 2) * 37 + (i % 4) * 11) % 256);
    const seen = (view: Partial<View>) => {
      const pixels = new Float32Array(128 * 128 * 3);
      clipPixels(picture, { ...WHOLE, ...view }, 128, pixels);
      return pixels;
    };
    const by = (pixels: number) => new Float32Array(128).fill(pixels);
    const bend = { right: { byRow: by(2), byColumn: by(1) }, down: { byRow: by(4), byColumn: by(-9) } };
    expect(seen({ bend })).toEqual(seen({ right: 3, down: -5 }));
    const lastRow = by(0).fill(7, 127);
    const sheared = seen({
      bend: { right: { byRow: lastRow, byColumn: by(0) }, down: { byRow: by(0), byColumn: by(0) } },
    });
    const rest = 127 * 128 * 3;
    expect(sheared.subarray(0, rest)).toEqual(seen({}).subarray(0, rest));
    expect(sheared.subarray(rest)).toEqual(seen({ right: 7 }).subarray(rest));
  });

  test('a mirror twice is none', () => {
    const pixels = Float32Array.from({ length: 4 * 4 * 3 }, (_, i) => i);
    mirror(pixels, 4);
    expect([...pixels.subarray(0, 3)]).toEqual([9, 10, 11]);
    mirror(pixels, 4);
    expect([...pixels]).toEqual([...Array(48).keys()]);
  });
});

test('the judge says the same in training and in serving', async () => {
  const expected = await writeRandomJudge(dir, ['a', 'b', 'c'], STYLES);
  const served = await openJudge(dir, { threads: 1 });
  const { concepts, style } = await served.look(expected.pixels);
  await served.close();
  expect(concepts.shape).toEqual([2, 3]);
  expect(concepts.data).toBeAllClose(expected.concepts, { atol: 1e-5 });
  expect(style.data).toBeAllClose(expected.style, { atol: 1e-5 });
});

test.each(['judge', 'teacher'] as const)('the %s learns names that are all in one style', async (part) => {
  const names = ['red', 'green'];
  const pictures = names.flatMap((concept) => Array(2).fill({ concept, style: '', split: 'train' }));
  const concepts = names.map((name) => ({ name }));
  const dataset = new Dataset(await writeTinyDataset(dir, concepts, pictures));
  const config = { ...classifierConfig(part, dataset), ...SMALL_JUDGE };
  const task = classifierTask(tf, part, dataset, config, { horizon: 10, seed: 0 });
  const parameters = await parametersOf(tf, task);
  const state = initialState(parameters.initialise(0));
  const optimizer = openOptimizer(tf, parameters, state, task.optimizer);
  const { loss, concept, style } = await trainStep({ tf, task, parameters, optimizer });
  expect(loss).toBeCloseTo(concept!, 5);
  expect(style).toBeUndefined();
  const { figures } = await task.evaluate(parameters.weights(optimizer.average()));
  expect(Object.keys(figures)).toEqual(['trainTop1', 'trainTop5']);
  dataset.close();
});

test.each(['judge', 'teacher'] as const)('a %s that tells none of the names apart is refused', async (part) => {
  (await tinyDataset()).close();
  const [data, runs] = [join(dir, 'data'), join(dir, 'runs')];
  const training = () => trainPart(tf, part, { data, runs, seed: 0, time: 1000, say: () => {} });
  const config = { _class_name: 'Judge', ...SMALL_JUDGE };
  for (const [others, what] of [
    [{ concepts: ['cat', 'dog'], styles: STYLES }, `names of ${data} apart, but others, such as “cat”`],
    [{ concepts: ['red', 'green'], styles: ['noto'] }, `styles of ${data} apart, but others, such as “noto”`],
  ] as const) {
    await writeRunConfig(runs, part, { ...config, ...others });
    await expect(training()).rejects.toThrow(`${join(runs, part)} tells no ${what}: name another --runs for these`);
    await expect(training()).rejects.toThrow(InputError);
  }
});

test.skipIf(!READY)(
  `the judge begins with other weights than CLIP's teacher${READY ? '' : ' (skipped: needs npm run train -- setup)'}`,
  { timeout: 60_000 },
  async () => {
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const dataset = await tinyDataset();
    const runs = join(dir, 'runs');
    const options = { data: join(dir, 'data'), runs, seed: 0, time: 50_000, maxSteps: 1, learningRate: 1e-20 };
    const firstKernel = async (part: 'judge' | 'teacher') => {
      const config = { ...classifierConfig(part, dataset), ...SMALL_JUDGE };
      await writeRunConfig(runs, part, { _class_name: part === 'judge' ? 'Judge' : 'Teacher', ...config });
      await trainPart(await loadTensorFlow(), part, { ...options, say: () => {} });
      return (await loadAverage(checkpointOf(runs, part))).get('stages.0.halve.weight')!;
    };
    const [judge, teacher] = [await firstKernel('judge'), await firstKernel('teacher')];
    dataset.close();
    expect(judge.shape).toEqual(teacher.shape);
    expect(judge.data).not.toEqual(teacher.data);
  },
);

test.skipIf(!READY)(
  `the judge learns, and is a folder to open then${READY ? '' : ' (skipped: needs npm run train -- setup)'}`,
  { timeout: 60_000 },
  async () => {
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const dataset = await tinyDataset();
    const runs = join(dir, 'runs');
    const config = { ...classifierConfig('judge', dataset), ...SMALL_JUDGE };
    await writeRunConfig(runs, 'judge', { _class_name: 'Judge', ...config });
    const options = { data: join(dir, 'data'), runs, seed: 0, time: 50_000, maxSteps: 250, say: () => {} };
    await trainPart(await loadTensorFlow(), 'judge', options);

    const served = await openJudge(join(runs, 'judge'), { threads: 1 });
    const bench = await openBench(served, dataset, () => {});
    const opinions = await bench.judge([drawTiny(0, 'striped'), drawTiny(1, 'flat')]);
    await served.close();
    dataset.close();
    expect(opinions).toEqual([
      { concept: 'red', style: 'striped' },
      { concept: 'green', style: 'flat' },
    ]);
  },
);
