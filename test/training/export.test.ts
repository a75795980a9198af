import { cp, lstat, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openModel } from '../../src/engine/pipeline/open-model.ts';
import { tensor } from '../../src/engine/tensor.ts';
import { checkpointOf, loadAverage, saveCheckpoint } from '../../src/engine/training/checkpoint.ts';
import { learnsFrom, statesOf } from '../../src/engine/training/learned-from.ts';
import { initialState } from '../../src/engine/training/optimizer/optimizer.ts';
import { Parameters } from '../../src/engine/training/parameters.ts';
import { openClipConfig, writeRunConfig } from '../../src/engine/training/run-config.ts';
import { writeComponents } from '../../src/engine/training/tasks/principal-components.ts';
import { tokenizerFolder } from '../../src/engine/training/tasks/tokenizer.ts';
import { readSafetensors } from '../../src/engine/weights/safetensors.ts';
import { exportTiny, writeTinyPictures, writeTinyRuns } from './tiny-runs.ts';

let dir: string;
let data: string;
let runs: string;
const model = () => join(dir, 'model');
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unclip-export-'));
  data = await writeTinyPictures(join(dir, 'pictures'));
  await writeTinyRuns(join(dir, 'trained'));
  expect(await exportTiny(model(), join(dir, 'trained'), data)).toEqual([]);
});
beforeEach(async () => {
  runs = await mkdtemp(join(dir, 'runs-'));
  await cp(join(dir, 'trained'), runs, { recursive: true });
});
afterAll(() => rm(dir, { recursive: true }));

/** Changes a run's config.json. */
async function change(part: string, edit: (config: never) => object): Promise<void> {
  const path = join(runs, part, 'config.json');
  await writeFile(path, JSON.stringify(edit(JSON.parse(await readFile(path, 'utf8')) as never)));
}
const files = async () => (await readdir(model(), { recursive: true })).sort();

test('what is exported opens as a model', async () => {
  const opened = await openModel(model());
  expect(opened.pictureChannels).toBe(4);
  await opened.close();
});

test('principal components of a model that a training went on from are exported as they are, not chosen once more', async () => {
  const { clip } = await statesOf(runs, ['clip']);
  const width = (await openClipConfig(runs)).text.projection_dim;
  const directions = Float32Array.from({ length: 3 * width }, (_, i) => (i % width === Math.floor(i / width) ? 1 : 0));
  await writeComponents(runs, clip!.weights, {
    mean: tensor(new Float32Array(width), [1, width]),
    directions: tensor(directions, [3, width]),
    // the first has nearly all of the variance
    deviations: tensor(Float32Array.of(1, 1e-3, 1e-3), [1, 3]),
  });
  const exported = join(runs, 'exported');
  await exportTiny(exported, runs, data);
  const { num_components } = JSON.parse(await readFile(join(exported, 'prior_pca', 'config.json'), 'utf8'));
  expect(num_components).toBe(3);
});

test.each([
  ['movq', () => ({ block_out_channels: [16, 16, 16, 16] }), 'expected (16, 4, 3, 3), found (8, 4, 3, 3)'],
  ['decoder', () => ({ block_out_channels: [64, 64] }), 'expected (256, 64), found (128, 32)'],
  ['prior', () => ({ num_layers: 3 }), 'transformer_blocks.2.norm1.weight: expected (32), found nothing of that name'],
  [
    'clip',
    ({ text, vision }) => ({ text: { ...text, hidden_size: 16 }, vision }),
    'expected (600, 16), found (600, 32)',
  ],
] as [string, (config: Record<string, object>) => object, string][])(
  'a %s whose config.json is of other sizes than its weights is refused, and the model before stays',
  async (part, sizes, message) => {
    await change(part, (config: Record<string, object>) => ({ ...config, ...sizes(config) }));
    const before = await files();
    const exporting = exportTiny(model(), runs, data);
    const [checkpoint, config] = ['checkpoint.safetensors', 'config.json'].map((name) => join(runs, part, name));
    await expect(exporting).rejects.toThrow(message);
    await expect(exporting).rejects.toThrow(
      `in ${checkpoint}, whose sizes ${config} tells: put back the config.json that it was trained with, or name another --runs`,
    );
    expect(await files()).toEqual(before);
    await (await openModel(model())).close();
  },
);

test('so is one whose config.json leaves out a part of what was trained', async () => {
  await change('prior', (config: object) => ({ ...config, num_layers: 1 }));
  await expect(exportTiny(model(), runs, data)).rejects.toThrow(
    `transformer_blocks.1.norm1.weight: expected no such weight, found (32) in ${checkpointOf(runs, 'prior')}, whose sizes ` +
      `${join(runs, 'prior', 'config.json')} tells: put back`,
  );
});

test('a folder of something else than a model is refused, and stays as it was', async () => {
  const before = await readdir(data);
  await expect(exportTiny(data, runs, data)).rejects.toThrow(`${data} is no model (it holds`);
  expect(await readdir(data)).toEqual(before);
});

test('a part that has diverged is refused with the way back, and the model before stays', async () => {
  const path = checkpointOf(runs, 'prior');
  const [name, before] = ['proj_in.weight', join(runs, 'prior', 'checkpoint-before.safetensors')];
  await cp(path, before);
  const weights = await loadAverage(path);
  const grown = weights.get(name)!;
  /** Exports the prior with other numbers at the start of a tensor. */
  const exporting = async (...numbers: number[]) => {
    const values = grown.data.slice();
    values.set(numbers);
    const tensors = new Map([...weights, [name, tensor(values, grown.shape)]]);
    const network = Parameters.ofTensors(tensors);
    await saveCheckpoint(path, network, { ...initialState(network.import(tensors, 'prior')), step: 20 });
    return exportTiny(model(), runs, data);
  };
  const good = await readFile(join(model(), 'prior_prior', 'diffusion_pytorch_model.safetensors'));
  const total = [...weights.values()].reduce((sum, { data }) => sum + data.length, 0);
  await expect(exporting(1, -65520, Number.NaN)).rejects.toThrow(
    `${path}: ${name}: expected numbers that are finite in float16, which ends at 65504, found -65520, ` +
      `and 2 such of ${total} in all. The run has diverged: go back to step 10, which means to put ${before} in the place of ${path}, ` +
      'and call npm run train -- prior with a lower --learning-rate',
  );
  expect(await readFile(join(model(), 'prior_prior', 'diffusion_pytorch_model.safetensors'))).toEqual(good);
  // which float16 has
  await exporting(65519);
});

test("the prior's normalisation is not made up where it was lost: it would be another one", async () => {
  const path = join(runs, 'prior', 'normalisation.safetensors');
  await rm(path);
  await expect(exportTiny(model(), runs, data)).rejects.toThrow(
    `${path} is missing, and what prior has learned means nothing without it: put back a copy of it, or delete`,
  );
});

test('a model has files of its own, also of runs that keep a part elsewhere', async () => {
  const elsewhere = join(dir, 'elsewhere');
  await rename(tokenizerFolder(runs), elsewhere);
  await symlink(elsewhere, tokenizerFolder(runs));
  expect(await exportTiny(join(dir, 'own'), runs, data)).toEqual([]);
  expect((await lstat(join(dir, 'own', 'prior_tokenizer'))).isSymbolicLink()).toBe(false);
  await rm(elsewhere, { recursive: true });
  await (await openModel(join(dir, 'own'))).close();
});

test('an encoder of pictures that was trained further is exported in place of CLIP’s, and the card tells it', async () => {
  const clip = await loadAverage(checkpointOf(runs, 'clip'));
  const trained = new Map([...clip].filter(([name]) => /^vis(ion_model|ual_projection)\./.test(name)));
  for (const [name, { data, shape }] of trained)
    trained.set(
      name,
      tensor(
        data.map((value) => value / 2),
        shape,
      ),
    );
  const network = Parameters.ofTensors(trained);
  const state = { ...initialState(network.import(trained, 'vision')), step: 7 };
  const { vision } = await openClipConfig(runs);
  await writeRunConfig(runs, 'vision', { ...vision, num_attention_heads: 4 });
  await saveCheckpoint(checkpointOf(runs, 'vision'), network, state, { learnedFrom: await learnsFrom(runs, 'vision') });
  const seen = join(dir, 'seen');
  expect(await exportTiny(seen, runs, data)).toEqual([]);
  const exported = async (folder: string, part: string) => readSafetensors(join(folder, part, 'model.safetensors'));
  const projection = 'visual_projection.weight';
  const [before, after] = await Promise.all([model(), seen].map((folder) => exported(folder, 'prior_image_encoder')));
  expect(after!.get(projection)!.data).toBeAllClose(
    before!.get(projection)!.data.map((value) => value / 2),
    { rtol: 1e-3 },
  );
  const sizes = JSON.parse(await readFile(join(seen, 'prior_image_encoder', 'config.json'), 'utf8'));
  expect(sizes.num_attention_heads).toBe(4);
  expect(await exported(seen, 'prior_text_encoder')).toEqual(await exported(model(), 'prior_text_encoder'));
  expect(await readFile(join(seen, 'README.md'), 'utf8')).toContain(
    '| CLIP’s encoder of pictures, trained again | 7 |',
  );

  const path = join(runs, 'vision', 'config.json');
  await writeRunConfig(runs, 'vision', { ...vision, intermediate_size: 64 });
  await expect(exportTiny(seen, runs, data)).rejects.toThrow(`whose sizes ${path} tells`);
  await writeRunConfig(runs, 'vision', { ...vision, projection_dim: 64 });
  await expect(exportTiny(seen, runs, data)).rejects.toThrow(
    `${path}: "projection_dim" is 64, and CLIP's embeddings are 32 wide: it must be the same`,
  );
});
