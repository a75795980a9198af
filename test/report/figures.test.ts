import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBench } from '../../src/engine/evaluation/report/bench.ts';
import { judgeReal, shareOf } from '../../src/engine/evaluation/report/drawings.ts';
import { measureClip, measureMovq } from '../../src/engine/evaluation/report/encoders.ts';
import { FIGURES, type Figure, type Report } from '../../src/engine/evaluation/report/figures.ts';
import { countRight } from '../../src/engine/evaluation/report/new-drawings.ts';
import { rgbaFromDrawn, rgbaFromTensor, tensorFromRgba } from '../../src/engine/evaluation/report/pictures.ts';
import { formatTable } from '../../src/engine/evaluation/report/table.ts';
import { startTorch } from '../../src/engine/evaluation/report/torch-step.ts';
import { weightsMb } from '../../src/engine/evaluation/report/weights.ts';
import type { ClassifierConfig } from '../../src/engine/networks/classifier.ts';
import type { Clip } from '../../src/engine/pipeline/clip.ts';
import type { Judge } from '../../src/engine/runtime/networks/judge.ts';
import type { Movq } from '../../src/engine/runtime/networks/movq.ts';
import { rows, type Tensor, tensor } from '../../src/engine/tensor.ts';
import { DATASET_FILES, Dataset } from '../../src/engine/training/data/dataset.ts';
import { PICTURE_BYTES } from '../../src/engine/training/data/rasterise.ts';
import { drawTiny, writeTinyDataset } from './tiny-dataset.ts';

const NAMES = ['red', 'green', 'blue'];
const silent = () => {};

let dir: string;
let dataset: Dataset;
/** One of its held-out drawings was learned in 3D; and the upper half of all is transparent. */
let renderings: Dataset;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unclip-report-'));
  await writeTinyDataset(
    join(dir, 'data'),
    NAMES.map((name) => ({ name })),
    [
      ...NAMES.map((concept) => ({ concept, style: 'flat', split: 'train' as const })),
      { concept: 'red', style: 'striped', split: 'train' },
      { concept: 'green', style: 'striped', split: 'held-out-pair' },
      { concept: 'blue', style: 'striped', split: 'held-out-pair' },
    ],
  );
  dataset = new Dataset(join(dir, 'data'));
  const folder = await writeTinyDataset(
    join(dir, 'renderings'),
    NAMES.map((name) => ({ name })),
    [
      { concept: 'red', style: 'fluent 3d', split: 'train' },
      { concept: 'green', style: 'flat', split: 'train' },
      { concept: 'blue', style: 'flat', split: 'train' },
      { concept: 'red', style: 'fluent flat', split: 'held-out-pair' },
      { concept: 'green', style: 'fluent flat', split: 'held-out-pair' },
    ],
  );
  const path = join(folder, DATASET_FILES.pictures);
  const isUpper = (i: number) => i % PICTURE_BYTES < PICTURE_BYTES / 2;
  await writeFile(
    path,
    (await readFile(path)).map((byte, i) => (i % 4 === 3 && isUpper(i) ? 0 : byte)),
  );
  renderings = new Dataset(folder);
});
afterAll(async () => {
  for (const set of [dataset, renderings]) set.close();
  await rm(dir, { recursive: true });
});

/** Mean of each channel of (B, 3, …), less than 1 where it's white elsewhere. */
function channelMeans(pixels: Tensor): Tensor {
  const count = pixels.shape[0]!;
  const plane = pixels.data.length / count / 3;
  const means = Array.from({ length: count * 3 }, (_, i) =>
    pixels.data.subarray(i * plane, (i + 1) * plane).reduce((sum, x) => sum + x / plane, 0),
  );
  return tensor(Float32Array.from(means), [count, 3]);
}

/** Knows a colour by its largest channel, and stripes by their being lighter. */
const judge: Judge = {
  config: { image_size: 64, concepts: NAMES } as unknown as ClassifierConfig,
  async look(pixels) {
    const concepts = channelMeans(pixels);
    const lightness = Array.from({ length: concepts.shape[0]! }, (_, i) =>
      rows(concepts, i, i + 1).data.reduce((sum, x) => sum + x, 0),
    );
    return { concepts, style: tensor(Float32Array.from(lightness.flatMap((x) => [x, 1])), [lightness.length, 2]) };
  },
  close: async () => {},
};

describe('the judge', () => {
  test('names what a picture shows, and the style of the nearest training picture', async () => {
    const bench = await openBench(judge, dataset, silent);
    expect(await bench.judge([drawTiny(2, 'striped'), drawTiny(0, 'flat')])).toEqual([
      { concept: 'blue', style: 'striped' },
      { concept: 'red', style: 'flat' },
    ]);
  });

  test('is asked for names of the data set alone, if it knows more', async () => {
    const config = { ...judge.config, concepts: [...NAMES, 'ultraviolet'] };
    expect([...(await openBench({ ...judge, config }, dataset, silent)).known]).toEqual(NAMES);
  });

  test('is measured on real held-out pictures itself', async () => {
    const blind = { ...judge, look: async (pixels: Tensor) => judge.look({ ...pixels, data: pixels.data.fill(0) }) };
    expect(await judgeReal(await openBench(judge, dataset, silent), dataset)).toEqual({
      concept: { share: 1 },
      both: { share: 1 },
    });
    expect(await judgeReal(await openBench(blind, dataset, silent), dataset)).toEqual({
      concept: { share: 0 },
      both: { share: 0 },
    });
  });

  test('a drawing that was learned in another rendering is counted apart', async () => {
    const isRight = (right: readonly boolean[]) => new Map(right.map((it, i) => [i + 3, it]));
    expect(countRight(renderings, isRight([true, true]))).toEqual({ right: 2, all: 2, ofNew: { right: 1, all: 1 } });
    expect(countRight(renderings, isRight([true, false]))).toEqual({ right: 1, all: 2, ofNew: { right: 0, all: 1 } });
    expect(countRight(renderings, new Map([[4, true]]))).toEqual({ right: 1, all: 1 });
    const real = await judgeReal(await openBench(judge, renderings, silent), renderings);
    expect(real?.concept).toEqual({ share: 1, ofNew: { right: 1, all: 1 } });
  });

  test('a share of nothing is not measured', () => {
    expect(shareOf([], { share: 1 })).toMatchObject({ value: null });
  });

  test('a share says of how many pictures and prompts it is', () => {
    const answers = [true, false, false, false].map((isRight, seed) => ({
      question: { prompt: 'red', seed, concepts: ['red'] },
      picture: new Uint8Array(),
      opinion: { concept: 'green', style: 'flat' },
      isRight,
    }));
    expect(shareOf(answers, undefined)).toEqual({ value: 0.25, note: '1 of 4 pictures, of 1 prompt' });
    const other = { ...answers[0]!, question: { prompt: 'green', seed: 0, concepts: ['green'] } };
    expect(shareOf([...answers, other], { share: 1 })).toMatchObject({
      note: '2 of 5 pictures, of 2 prompts',
      ofReal: { share: 1 },
    });
  });
});

describe('encoders', () => {
  const movq = (decode: (x: Tensor) => Tensor) =>
    ({ config: { in_channels: 4 }, encode: async (x: Tensor) => x, decode: async (x: Tensor) => decode(x) }) as Movq;

  test('PSNR is that of the colours of held-out pictures', async () => {
    // 10 of 255 too dark everywhere, alpha left out of it
    const darker = movq(({ data, shape }) => {
      const colours = (data.length / 4) * 3;
      return { data: data.map((x, i) => (i < colours ? x - 20 / 255 : -1)), shape };
    });
    const figure = await measureMovq(darker, dataset, silent);
    expect(figure).toMatchObject({
      value: expect.closeTo(10 * Math.log10(255 ** 2 / 10 ** 2), 5),
      note: '2 pictures; 28.1 dB without what is empty around the thing',
    });
  });

  test('PSNR of what is drawn leaves out what is transparent around it', async () => {
    const lowerDarker = movq(({ data, shape }) => {
      const plane = data.length / 4;
      return { data: data.map((x, i) => (i < 3 * plane && i % plane >= plane / 2 ? x - 20 / 255 : x)), shape };
    });
    expect(await measureMovq(lowerDarker, renderings, silent)).toMatchObject({
      value: expect.closeTo(10 * Math.log10(255 ** 2 / 50), 5),
      note: '2 pictures; 28.1 dB without what is empty around the thing',
    });
  });

  test('CLIP is right where the nearest of all names is that of the picture', async () => {
    const directions: Record<string, number[]> = { red: [3, 0, 0], green: [0, 1, 0], blue: [0, 0.9, 0.1] };
    const clip = {
      encodeTexts: async ([name]: [string]) => ({
        textEmbedding: tensor(Float32Array.from(directions[name]!), [1, 3]),
      }),
      preprocess: (picture: { data: Uint8Array }) => tensorFromRgba(picture.data, 3),
      embedPixels: async (pixels: Tensor) => ({
        ...channelMeans(pixels),
        data: channelMeans(pixels).data.map(Math.exp),
      }),
    } as unknown as Clip;
    expect(await measureClip(clip, dataset, silent)).toEqual({ value: 0.5, note: '1 of 2 pictures, among 3 names' });
    const { note } = (await measureClip(clip, renderings, silent)) as { note: string };
    expect(note).toMatch(
      /^\d of 2 pictures, among 3 names; \d+\.0 % of the 1 that were not learned in another rendering$/,
    );
  });
});

describe('pictures', () => {
  test('go into networks and come out as they were', () => {
    const picture = drawTiny(1, 'striped');
    expect(rgbaFromTensor(tensorFromRgba(picture, 4))).toEqual(picture);
  });

  test('larger drawings are brought to the size of the others, on white', () => {
    const data = new Float32Array(4 * 256 * 256).fill(1);
    data.fill(-1, 3 * 256 * 256); // wholly transparent
    const rgba = rgbaFromDrawn(tensor(data, [1, 4, 256, 256]));
    expect(rgba).toHaveLength(4 * 128 * 128);
    expect(rgba.every((value) => value === 255)).toBe(true);
  });
});

describe('torch', () => {
  const program = async (name: string, lines: string) => {
    await writeFile(join(dir, name), `#!/bin/sh\n${lines}\n`);
    await chmod(join(dir, name), 0o755);
    return join(dir, name);
  };

  test('makes a step when it is asked for one', async () => {
    const torch = startTorch(
      await program('counts', 'i=0; while read line; do i=$((i+1)); echo 0.$i; done'),
      dir,
      1,
      1,
    );
    expect([await torch.step(), await torch.step()]).toEqual([0.1, 0.2]);
    torch.close();
  });

  test('that ends is quoted', async () => {
    const torch = startTorch(await program('fails', 'echo no such network >&2; exit 1'), dir, 1, 1);
    await expect(torch.step()).rejects.toThrow('has ended: no such network');
  });
});

test('weights are counted in all folders below', async () => {
  await writeFile(join(dir, 'model.safetensors'), Buffer.alloc(2_000_000));
  await writeFile(join(dir, 'data', 'model.safetensors'), Buffer.alloc(500_000));
  await writeFile(join(dir, 'config.json'), Buffer.alloc(1000));
  expect(await weightsMb([dir])).toBe(2.5);
});

test("the table has each figure's bar, and the judge's own score beside what it judged", () => {
  const report = Object.fromEntries(
    FIGURES.map((name): [string, Figure] => [name, { value: null, reason: 'not asked for' }]),
  ) as Report;
  const figures = {
    ...report,
    prompt_top1: { value: 0.4175, note: '167 of 400 pictures', ofReal: { share: 0.8, ofNew: { right: 3, all: 4 } } },
    weights_mb: { value: 63.12, note: 'models' },
  };
  const lines = formatTable(figures).split('\n');
  expect(lines.find((line) => line.startsWith('prompt_top1'))).toMatch(/41\.8 %.*≥ 60 %/);
  expect(lines.join()).toContain(
    'the judge of real held-out pictures: 80.0 %, 75.0 % of the 4 that were not learned in another rendering',
  );
  expect(lines.find((line) => line.startsWith('weights_mb'))).toMatch(/63\.1 MB.*≤ 64 MB/);
  expect(lines.filter((line) => line.includes('not asked for'))).toHaveLength(5);
});
