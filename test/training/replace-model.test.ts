import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { replaceModel, requireModelPlace } from '../../src/engine/training/replace-model.ts';
import { InputError } from '../../src/errors.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unclip-replace-'));
});
afterEach(() => rm(dir, { recursive: true }));

const write = async (folder: string, files: Readonly<Record<string, string>>) => {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), text);
  }
};
const BEFORE = {
  'model_index.json': 'before',
  'unet/model.safetensors': 'before',
  'unet/int8.json': 'ranges of the weights before',
  'upsampler/model.safetensors': 'before',
  'prior_ar/config.json': 'before',
  LICENSE: 'mine',
  'pictures/cat.png': 'mine',
};
const NEW = { 'model_index.json': 'new', 'unet/model.safetensors': 'new' };

async function files(): Promise<Record<string, string>> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const read = paths.map(async (path) => [path.slice(dir.length + 1), await readFile(path, 'utf8')] as const);
  return Object.fromEntries(await Promise.all(read));
}

test('a model takes the place of the one before, of which no part stays; what is no part of one does', async () => {
  await write(dir, BEFORE);
  await replaceModel(dir, (folder) => write(folder, NEW));
  expect(await files()).toEqual({ ...NEW, LICENSE: 'mine', 'pictures/cat.png': 'mine' });
});

test('where writing fails all is as it was', async () => {
  await write(dir, BEFORE);
  const failing = replaceModel(dir, async (folder) => {
    await write(folder, NEW);
    expect(await files()).toMatchObject(BEFORE);
    throw new InputError('the disk is full');
  });
  await expect(failing).rejects.toThrow('the disk is full');
  expect(await files()).toEqual(BEFORE);
});

test('runs are never taken for a model', async () => {
  await requireModelPlace(join(dir, 'nowhere'));
  await write(dir, BEFORE);
  await requireModelPlace(dir);
  await write(dir, { 'movq/checkpoint.safetensors': 'of a run' });
  await expect(requireModelPlace(dir)).rejects.toThrow(InputError);
});

test('nor is a folder of other things, whose files have names of parts', async () => {
  const others = { 'unet/thesis.txt': 'mine', 'upsampler/photos.txt': 'mine', 'README.md': 'mine' };
  await write(dir, others);
  const refused = requireModelPlace(dir);
  await expect(refused).rejects.toThrow(/ is no model \(it holds un?\S+ and no model_index\.json\)/);
  await expect(refused).rejects.toThrow(InputError);
});

test('what an export leaves that was killed is nothing to keep, nor is there harm in a card', async () => {
  await write(dir, { '.export-Ab12Cd/unet/config.json': 'half of one', 'README.md': 'mine', LICENSE: 'mine' });
  await requireModelPlace(dir);
});
