import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRecipe } from '../../src/engine/images/encode-picture.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/unclip.mjs', import.meta.url));
const SOURCE = 'test/golden/karlo-tiny/source.png';

interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'unclip-operations-'));
});
afterAll(() => rm(folder, { recursive: true }));

function unclip(...args: string[]): Promise<Finished> {
  const quick = ['--steps', '2', '--seed', '1', '--out', folder, '--json'];
  return new Promise((resolve) => {
    execFile(process.execPath, [PROGRAM, ...args, ...quick], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

describe('operations', { timeout: 60_000 }, () => {
  it('modify: a picture for each strength', async () => {
    const { stdout } = await unclip('modify', SOURCE, 'green', 'heart', '--from', 'red heart', '--strength', '0,0.25');
    const { images, ...settings } = JSON.parse(stdout);
    expect(images).toEqual([
      { path: join(folder, 'green-heart-1.png'), seed: 1, strength: 0 },
      { path: join(folder, 'green-heart-1-2.png'), seed: 1, strength: 0.25 },
    ]);
    expect(settings).toMatchObject({ operation: 'modify', prompt: 'green heart', from: 'red heart', steps: 2 });
    const recipe = readRecipe(await readFile(images[1].path), 'green-heart-1-2.png');
    expect(recipe).toMatchObject({ modification: { strength: 0.25 }, start: { shape: [1, 4, 16, 16] } });
  });

  const REFUSED: [args: string[], message: string][] = [
    [['modify', SOURCE, 'a', '--strength', '1.5'], 'strength must be a number from 0 to 1, not 1.5'],
    [['modify', SOURCE, 'a', '--strength', 'much'], 'strength must be a number from 0 to 1, not much'],
    [['modify', '/nowhere.png', 'a'], 'image /nowhere.png: expected a picture file'],
    [['modify', SOURCE], "missing required argument 'prompt'"],
    [['modify', SOURCE, 'a', '--sampler', 'euler', '--eta', '1'], 'eta is for the sampler ddim, not for euler'],
    [
      ['modify', SOURCE, 'a', '--width', '100'],
      'width and height must be multiples of 64 with emoji-v0, not 100 × 128',
    ],
  ];

  it.each(REFUSED)('%j', async (args, message) => {
    const { code, stdout, stderr } = await unclip(...args);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('    at ');
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });
});
