import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { train } from '../../src/cli/train.ts';
import { InputError } from '../../src/errors.ts';
import { writeTinyDataset } from '../report/tiny-dataset.ts';

let dir: string;
const path = (...names: string[]) => join(dir, ...names);
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unclip-cli-train-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** Refused in one clear message. */
async function refused(args: readonly string[], message: string | RegExp): Promise<void> {
  const running = train.parseAsync(args, { from: 'user' });
  await expect(running).rejects.toThrow(message);
  await expect(running).rejects.toThrow(InputError);
}

test('wrong places are named, and nothing is left in them', async () => {
  await writeFile(path('file'), '');
  const tokenizer = (data: string, runs: string) => ['tokenizer', '--data', data, '--runs', runs];
  for (const data of [path('file'), path('nowhere')])
    await refused(tokenizer(data, path('runs')), `${join(data, 'metadata.jsonl')} is missing: a data set is a folder`);
  await refused(tokenizer(path('nowhere'), path('file')), `--runs ${path('file')}: expected a folder, found a file`);
  // where no folder can be made, mkdir with `recursive` would never end
  await refused(tokenizer(path('nowhere'), '/proc/nobody/runs'), "--runs /proc/nobody/runs: this folder can't be made");
  await writeTinyDataset(path('pictures'), [{ name: 'red' }], [{ concept: 'red', style: 'flat', split: 'train' }]);
  const exporting = (to: string) => ['export', to, '--data', path('pictures'), '--runs', path('runs')];
  await refused(exporting(path('file')), `export ${path('file')}: expected a folder, found a file`);
  await refused(exporting(path('model')), /movq, clip, prior, decoder have not been trained there.*train -- all/);
  await mkdir(path('data', 'metadata.jsonl'), { recursive: true });
  await refused(tokenizer(path('data'), path('runs')), "metadata.jsonl can't be read (EISDIR)");
  expect((await readdir(dir)).sort()).toEqual(['data', 'file', 'pictures']);
});

test('an export, which nothing is random in, takes no seed', async () => {
  const asked = train.parseAsync(['export', path('model'), '--seed', '1'], { from: 'user' });
  await expect(asked).rejects.toThrow("unknown option '--seed'");
});
