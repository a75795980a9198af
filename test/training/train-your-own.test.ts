import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { draw } from '../../src/engine/pipeline/draw.ts';
import { OWN_FOLDERS } from '../../src/engine/pipeline/kandinsky-folder.ts';
import { openModel } from '../../src/engine/pipeline/open-model.ts';
import { recipesFor } from '../../src/engine/pipeline/recipes.ts';
import { checkpointOf, loadNotes, type Schedule, trainedSteps } from '../../src/engine/training/checkpoint.ts';
import { buildDataset } from '../../src/engine/training/data/build.ts';
import { Dataset } from '../../src/engine/training/data/dataset.ts';
import { buildLarge } from '../../src/engine/training/data/large-pictures.ts';
import { collectFolder, findLoader } from '../../src/engine/training/data/loaders/formats.ts';
import { openTextDecoder } from '../../src/engine/training/draw-texts.ts';
import { exportModel } from '../../src/engine/training/export.ts';
import { computeGradients } from '../../src/engine/training/gradients.ts';
import { importModel } from '../../src/engine/training/import.ts';
import { withLock } from '../../src/engine/training/lock.ts';
import { parametersOf, trainTask } from '../../src/engine/training/loop.ts';
import type { Helpers } from '../../src/engine/training/parallel/helpers.ts';
import { PARTS } from '../../src/engine/training/part-names.ts';
import { createTask, openEmbeddings, type PartOptions, trainAll, trainPart } from '../../src/engine/training/parts.ts';
import { writeRunConfig } from '../../src/engine/training/run-config.ts';
import { isSetUp } from '../../src/engine/training/setup/setup.ts';
import { clipConfig } from '../../src/engine/training/tasks/clip-encoders.ts';
import { unetConfig } from '../../src/engine/training/tasks/decoder.ts';
import { movqConfig } from '../../src/engine/training/tasks/movq.ts';
import { priorConfig } from '../../src/engine/training/tasks/prior.ts';
import { trainTokenizer, vocabularySize } from '../../src/engine/training/tasks/tokenizer.ts';
import { upsamplerConfig } from '../../src/engine/training/tasks/upsampler.ts';
import { loadTensorFlow } from '../../src/engine/training/tensorflow.ts';
import { readSafetensors } from '../../src/engine/weights/safetensors.ts';
import { PRIORS } from '../../src/recipe.ts';

const READY = isSetUp('cpu') || isSetUp('gpu');
const PYTHON = process.env.PYTHON ?? 'python3';
const DIFFUSERS = READY && spawnSync(PYTHON, ['-c', 'import diffusers, transformers']).status === 0;
/** For the title of a test that is skipped. */
const without = (ready: boolean, need: string) => (ready ? '' : ` (skipped: needs ${need})`);

const PROGRAM = fileURLToPath(new URL('../../bin/unclip.mjs', import.meta.url));

const COLOURS = { red: '#e02020', green: '#20a040', blue: '#2040e0', yellow: '#f0d020' };
const EMBEDDING = 32;

describe.skipIf(!READY)(
  `a small folder of pictures with captions${without(READY, 'npm run train -- setup')}`,
  { timeout: 300_000 },
  () => {
    let dir: string;
    let dataset: Dataset;
    const path = (...names: string[]) => join(dir, ...names);

    beforeAll(async () => {
      vi.spyOn(process.stderr, 'write').mockReturnValue(true);
      dir = await mkdtemp(join(tmpdir(), 'unclip-own-'));
      await buildSquares('data', Object.entries(COLOURS));
      dataset = new Dataset(path('data'));
      await writeTinyConfigs(path('runs'));
    });
    afterAll(async () => {
      vi.restoreAllMocks();
      dataset.close();
      await rm(dir, { recursive: true });
    });

    /** A data set of squares, from a folder of pictures with captions. */
    async function buildSquares(name: string, squares: readonly (readonly [string, string])[]): Promise<void> {
      const folder = path(`${name}-pictures`);
      await mkdir(folder);
      const lines: string[] = [];
      for (const [colour, background] of squares) {
        const file = `${colour}.png`;
        await sharp({ create: { width: 256, height: 256, channels: 3, background } }).toFile(join(folder, file));
        lines.push(JSON.stringify({ file_name: file, text: `${colour} square` }));
      }
      await writeFile(join(folder, 'metadata.jsonl'), lines.join('\n'));
      const collection = collectFolder(findLoader(folder), folder, { scratch: path('scratch') });
      await buildDataset(path(name), collection);
      const set = new Dataset(path(name));
      await buildLarge(path(name), set, collection);
      set.close();
      await writeFile(path(name, 'ATTRIBUTION.md'), 'Squares, by us\n');
    }

    async function writeTinyConfigs(runs: string): Promise<void> {
      await trainTokenizer(dataset, runs);
      const { text, vision } = clipConfig(await vocabularySize(runs));
      const narrow = {
        hidden_size: EMBEDDING,
        intermediate_size: 32,
        projection_dim: EMBEDDING,
        num_hidden_layers: 1,
        num_attention_heads: 2,
      };
      const clip = { text: { ...text, ...narrow }, vision: { ...vision, ...narrow } };
      await writeRunConfig(runs, 'clip', clip);
      await writeRunConfig(runs, 'movq', movqConfig([8, 8, 8, 8]));
      await writeRunConfig(runs, 'decoder', { ...unetConfig([32, 32], EMBEDDING), cross_attention_dim: 16 });
      await writeRunConfig(runs, 'upsampler', upsamplerConfig([8, 8]));
      await writeRunConfig(runs, 'prior', { ...priorConfig(clip), num_layers: 1 });
    }

    const options = (runs: string, maxSteps: number): PartOptions => ({
      ...{ data: path('data'), runs, seed: 0, time: 60_000, maxSteps },
      say: () => {},
    });

    /** Of the last export. */
    let warnings: string[];

    async function exportTo(
      name: string,
      runs: string,
      { data = 'data', decoder }: { data?: string; decoder?: 'fine-tune' } = {},
    ): Promise<string> {
      const set = new Dataset(path(data));
      const embeddings = async () => openEmbeddings(await loadTensorFlow(), set, runs, () => {});
      const exported = exportModel(
        path(name),
        { runs, data: path(data), say: () => {}, ...(decoder && { decoder }) },
        set,
        embeddings,
      );
      warnings = await exported.finally(() => set.close());
      return path(name);
    }

    const readHistory = async (model: string) => JSON.parse(await readFile(join(model, 'training.json'), 'utf8'));

    test('every part trains, and the result is a model that draws here', async () => {
      const tf = await loadTensorFlow();
      for (const part of [...PARTS, 'ar-prior', 'upsampler', 'text-decoder'] as const)
        await trainPart(tf, part, options(path('runs'), 2));
      for (const part of ['decoder', 'upsampler', 'text-decoder'])
        expect((await readdir(path('runs', part))).filter((file) => !file.startsWith('events.')).sort()).toEqual([
          'checkpoint.safetensors',
          'config.json',
          'log.jsonl',
          'sample-0000002.png',
        ]);
      // the decoder came before it
      expect(await readdir(path('runs', 'ar-prior'))).toContain('sample-0000002.png');

      const model = await openModel(await exportTo('model', path('runs')));
      const recipes = recipesFor(
        model,
        { operation: 'imagine', prompt: 'red square' },
        { seed: 7, steps: 2, count: 1 },
      ).flatMap((recipe) => PRIORS.map((prior) => ({ ...recipe, prior })));
      const { images } = await draw(model, recipes);
      await model.close();
      expect(images).toHaveLength(3);
      for (const { shape, data } of images) {
        expect(shape).toEqual([1, 4, 128, 128]);
        expect(data.every(Number.isFinite)).toBe(true);
      }
      expect(await readFile(path('model', 'README.md'), 'utf8')).toContain('4 pictures of 4 concepts');
      await expect(trainTokenizer(dataset, path('runs'))).rejects.toThrow(/CLIP in .* was trained with the vocabulary/);
    });

    test('the text-only decoder draws texts, to be compared with models that have a prior', async () => {
      const paint = await openTextDecoder(await loadTensorFlow(), path('runs'));
      const [picture, again, other] = [
        await paint('red square', 0),
        await paint('red square', 0),
        await paint('red square', 1),
      ];
      expect(picture).toHaveLength(128 * 128 * 4);
      expect(again).toEqual(picture);
      expect(other).not.toEqual(picture);
      await expect(openTextDecoder(await loadTensorFlow(), path('nowhere'))).rejects.toThrow(
        /text-decoder.*is missing/,
      );
    });

    test('a model can take the decoder that was fine-tuned, which has a run of its own', async () => {
      const runs = path('runs');
      const wanted = () => exportTo('tuned', runs, { decoder: 'fine-tune' });
      await expect(wanted()).rejects.toThrow(
        /fine-tune has not been trained there.*npm run train -- fine-tune --data .* --runs/,
      );
      await trainPart(await loadTensorFlow(), 'fine-tune', options(runs, 2));
      const log = (await readFile(join(runs, 'fine-tune', 'log.jsonl'), 'utf8')).trim().split('\n');
      const { evaluation } = JSON.parse(log.at(-1)!);
      // so few pictures that none is held out
      expect(evaluation.trainDistance).toBeCloseTo(evaluation.trainDistanceBefore, 2);
      expect(evaluation.trainLoss).toBeCloseTo(evaluation.trainLossBefore, 2);
      expect(await readFile(join(await wanted(), 'README.md'), 'utf8')).toContain('| fine-tuned decoder');
      expect(await readFile(path('model', 'README.md'), 'utf8')).not.toContain('| fine-tuned decoder');
    });

    test('prior and decoder of a model share the time in which they get used to other pictures', async () => {
      const runs = path('adapted');
      const said: string[] = [];
      await importModel(path('model'), runs, () => {});
      const { maxSteps: _, ...shared } = { ...options(runs, 0), steps: 1, say: (line: string) => said.push(line) };
      const decoderLog = join(runs, 'decoder', 'log.jsonl');
      const lengthOfLog = () => (existsSync(decoderLog) ? statSync(decoderLog).size : 0);
      /** Until the decoder has made a step, however long that takes. */
      const trainUntilDecoder = async () => {
        const [stop, before] = [new AbortController(), lengthOfLog()];
        const looking = setInterval(() => lengthOfLog() > before && stop.abort(), 10);
        await trainAll(await loadTensorFlow(), { ...shared, signal: stop.signal }, true);
        clearInterval(looking);
      };
      await trainUntilDecoder();
      expect(said).toContain('minutes planned: prior 0.16, decoder 0.84');
      for (const part of ['prior', 'decoder']) {
        const [first] = (await readFile(join(runs, part, 'log.jsonl'), 'utf8')).split('\n');
        expect(JSON.parse(first!)).toMatchObject({ step: 1, loss: expect.any(Number) });
      }
      expect(existsSync(join(runs, 'movq', 'log.jsonl'))).toBe(false);
      const adapted = async () => (await loadNotes(checkpointOf(runs, 'decoder'))).schedule!.adapted!;
      const before = await adapted();
      await trainUntilDecoder();
      expect(await adapted()).toBeGreaterThan(before);
    });

    test('the learning rate goes on as it was asked for at the call before', async () => {
      const [tf, runs] = [await loadTensorFlow(), path('scheduled')];
      await importModel(path('model'), runs, () => {});
      const train = async (maxSteps: number, asked: Schedule = {}) => {
        await trainPart(tf, 'prior', { ...options(runs, maxSteps), ...asked });
        const lines = (await readFile(join(runs, 'prior', 'log.jsonl'), 'utf8')).trim().split('\n');
        const rates = lines.flatMap((line) => (JSON.parse(line) as { learningRate?: number }).learningRate ?? []);
        return { rate: rates.at(-1)!, schedule: (await loadNotes(checkpointOf(runs, 'prior'))).schedule };
      };
      const usual = await train(1);
      expect(usual.schedule).toEqual({ ofPeak: 1 / 3 });
      const slower = { ofPeak: 1 / 3, steps: 4, learningRate: 1e-7 };
      for (const { rate, schedule } of [await train(2, slower), await train(3)]) {
        expect(schedule).toEqual(slower);
        expect(rate).toBeLessThan(usual.rate / 5);
      }
      expect((await train(4, { steps: 9 })).schedule).toEqual({ ...slower, steps: 9 });
    });

    test.skipIf(cpus().length < 2)('two processes train as one does on the batches of both', async () => {
      const tf = await loadTensorFlow();
      for (const name of ['together', 'alone']) {
        await importModel(path('model'), path(name), () => {});
        await openEmbeddings(tf, dataset, path(name), () => {});
      }
      const where = ['--data', path('data'), '--runs', path('together')];
      // few steps: rounding is carried on from each to the next, and a fast machine makes many in half a second
      const words = ['train', 'prior', ...where, '--processes', '2', '--minutes', '0.003'];
      const train = () => spawnSync(process.execPath, [PROGRAM, ...words], { encoding: 'utf8' });
      const second = await withLock(path('together', 'prior'), 'trains the same part', async () => train());
      expect([second.status, second.stderr]).toEqual([2, expect.stringContaining(`in use by process ${process.pid}`)]);
      const { status, stderr } = train();
      expect(status, stderr).toBe(0);
      const steps = await trainedSteps(path('together'), 'prior');
      expect(steps).toBeGreaterThan(0);

      const other = await createTask(tf, 'prior', { ...options(path('alone'), steps), seed: 1_000_003 });
      const parameters = await parametersOf(tf, other);
      let results: ReturnType<Helpers['results']>;
      await trainTask(tf, await createTask(tf, 'prior', options(path('alone'), steps)), options(path('alone'), steps), {
        count: 1,
        begin(step, own, values) {
          const tensors = parameters.tensors(tf, own.flatten(values));
          results = computeGradients(tf, other, parameters, tensors, step).then(({ gradients, figures }) => [
            { gradients: parameters.flatten(gradients), figures },
          ]);
        },
        results: () => results,
        close() {},
      });
      const [expected, found] = await Promise.all(
        ['alone', 'together'].map((name) => readSafetensors(checkpointOf(path(name), 'prior'))),
      );
      // the gradients' moving averages: the first steps hardly change the values
      for (const [name, { data }] of expected!)
        if (name.startsWith('adam.first/')) {
          const scale = Math.max(...data.map(Math.abs), 1e-6);
          const [a, b] = [data, found!.get(name)!.data].map((values) => values.map((value) => value / scale));
          expect(b!, name).toBeAllClose(a!, { atol: 2e-3 });
        }
    });

    test('embeddings of the exported image encoder have unit variance', async () => {
      const { data } = (await openEmbeddings(await loadTensorFlow(), dataset, path('runs'), () => {})).embeddings;
      const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
      const dimensions = Array.from({ length: EMBEDDING }, (_, d) => [0, 1, 2, 3].map((n) => data[n * EMBEDDING + d]!));
      expect(mean(dimensions.map((x) => mean(x.map((v) => (v - mean(x)) ** 2))))).toBeCloseTo(1, 3);
    });

    test('training goes on with other pictures from the exported model, which comes out again as it went in', async () => {
      await buildSquares('less', Object.entries(COLOURS).slice(0, 2));
      await importModel(path('model'), path('continued'), () => {});
      const again = await exportTo('again', path('continued'), { data: 'less' });
      for (const folder of [
        'unet',
        'movq',
        'prior_prior',
        'prior_text_encoder',
        'prior_image_encoder',
        ...Object.values(OWN_FOLDERS),
      ]) {
        const stem = ['unet', 'movq', 'prior_prior', 'upsampler'].includes(folder)
          ? 'diffusion_pytorch_model'
          : 'model';
        const file = join(folder, `${stem}.safetensors`);
        const [before, after] = await Promise.all(
          [path('model'), again].map((dir) => readSafetensors(join(dir, file))),
        );
        expect(after, file).toEqual(before);
      }
      expect(await readFile(join(again, 'ATTRIBUTION.md'), 'utf8')).toBe('Squares, by us\n');
      expect(await readHistory(again)).toEqual(await readHistory(path('model')));

      await trainPart(await loadTensorFlow(), 'decoder', options(path('continued'), 1));
      const { decoder, clip } = await readHistory(await exportTo('further', path('continued'), { data: 'less' }));
      expect([decoder.steps, clip.steps]).toEqual([3, 2]);
      expect(await readFile(path('further', 'README.md'), 'utf8')).toMatch(/\| decoder[^|]*\| 3 \|/);
      expect(warnings).toEqual([]);

      await trainPart(await loadTensorFlow(), 'clip', options(path('continued'), 1));
      await trainPart(await loadTensorFlow(), 'decoder', options(path('continued'), 2));
      await exportTo('misfit', path('continued'), { data: 'less' });
      const train = (part: string) => `npm run train -- ${part} --data ${path('less')} --runs ${path('continued')}`;
      expect(warnings).toEqual(
        ['prior', 'ar-prior'].map(
          (part) =>
            `${part} has not been trained since clip became another (at step 0 then, at step 1 now): ${train(part)}`,
        ),
      );
    });

    test.skipIf(!DIFFUSERS)(
      `Python diffusers opens and runs the model unchanged${without(DIFFUSERS, 'diffusers in python3 or in what PYTHON names')}`,
      () => {
        const script = `
import sys, torch
from diffusers import DiffusionPipeline
pipe = DiffusionPipeline.from_pretrained(sys.argv[1], torch_dtype=torch.float32)
from diffusers import DDIMScheduler, UNet2DModel
upsampler = UNet2DModel.from_pretrained(sys.argv[1], subfolder='upsampler')
scheduler = DDIMScheduler.from_pretrained(sys.argv[1], subfolder='upsampler')
assert upsampler(torch.zeros(1, 8, 32, 32), 0).sample.shape == (1, 4, 32, 32) and scheduler.config.prediction_type == 'sample'
images = pipe('red square', num_inference_steps=2, prior_num_inference_steps=2, height=128, width=128, output_type='pt').images
print(type(pipe).__name__, tuple(images.shape), bool(torch.isfinite(images).all()))`;
        const { stdout, stderr } = spawnSync(PYTHON, ['-c', script, path('model')], { encoding: 'utf8' });
        expect(stdout.trim().split('\n').at(-1), stderr).toBe('KandinskyV22CombinedPipeline (1, 4, 128, 128) True');
      },
    );
  },
);
