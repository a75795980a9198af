import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRecipe } from '../../src/engine/images/encode-picture.ts';
import { writeRandomUpsampler } from '../pipeline/random-upsampler.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/unclip.mjs', import.meta.url));
const SOURCE = 'test/golden/karlo-tiny/source.png';
const OTHER = 'test/golden/kandinsky-tiny/a.png';

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

const unclip = (...args: string[]) => run(...args, '--steps', '2', '--seed', '1', '--out', folder, '--json');

function run(...args: string[]): Promise<Finished> {
  return new Promise((resolve) => {
    execFile(process.execPath, [PROGRAM, ...args], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

describe('operations', { timeout: 60_000 }, () => {
  it('modify: a picture for each strength', async () => {
    const { stdout } = await unclip('modify', SOURCE, 'green', 'heart', '--from', 'red heart', '--strength', '0,0.25');
    const { images, ...settings } = JSON.parse(stdout);
    expect(images).toEqual([
      { path: join(folder, 'green-heart-1.png'), seed: 1, strength: 0, reconstructionError: expect.any(Number) },
      { path: join(folder, 'green-heart-1-2.png'), seed: 1, strength: 0.25 },
    ]);
    expect(settings).toMatchObject({ operation: 'modify', prompt: 'green heart', from: 'red heart', steps: 2 });
    const recipe = readRecipe(await readFile(images[1].path), 'green-heart-1-2.png');
    expect(recipe).toMatchObject({ modification: { strength: 0.25 }, start: { shape: [1, 4, 16, 16] } });
  });

  it('reconstruct: prints how close it comes', async () => {
    const { stdout, stderr } = await unclip('reconstruct', SOURCE);
    const { images, operation } = JSON.parse(stdout);
    expect(operation).toBe('reconstruct');
    expect(images).toEqual([
      { path: join(folder, 'reconstruct-1.png'), seed: 1, reconstructionError: expect.any(Number) },
    ]);
    expect(images[0].reconstructionError).toBeGreaterThan(0);
    expect(stderr).toBe('');
  });

  it('interpolate: one animation, there and back', async () => {
    const { stdout } = await unclip('interpolate', SOURCE, OTHER, '--frames', '4');
    const { images } = JSON.parse(stdout);
    const path = join(folder, 'interpolate-1.gif');
    expect(images.map((image: { path: string }) => image.path)).toEqual([path, path, path, path]);
    const { format, pages, height, delay } = await sharp(path).metadata();
    expect({ format, pages, height }).toEqual({ format: 'gif', pages: 6, height: 128 });
    expect(delay).toEqual([600, 80, 80, 600, 80, 80]);
  });

  it.each([
    { args: ['blend', SOURCE, OTHER, '--prompt', 'hat', '--weight', '1,2,1'], name: 'hat-1.png' },
    { args: ['variations', SOURCE, '--negative', 'frame'], name: 'variations-1.png' },
    { args: ['img2img', SOURCE, 'red', 'heart', '--strength', '0.8'], name: 'red-heart-1.png' },
    { args: ['inpaint', SOURCE, 'hat', '--mask', OTHER], name: 'hat-1.png' },
  ])('$args.0: as a strip', async ({ args, name }) => {
    const { stdout } = await unclip(...args, '--count', '2', '--as', 'strip');
    expect(JSON.parse(stdout)).toMatchObject({ operation: args[0], images: [{ seed: 1 }, { seed: 2 }] });
    const { width, height } = await sharp(join(folder, name)).metadata();
    expect({ width, height }).toEqual({ width: 256, height: 128 });
  });

  it('upscale: what was drawn, 4 times as large, where the model has an upsampler', async () => {
    const model = join(folder, 'tiny');
    await cp('test/golden/kandinsky-tiny', model, { recursive: true });
    await writeRandomUpsampler(join(model, 'prior-model', 'upsampler'));
    const small = join(folder, 'upscale-me-1.png');
    const drawn = await unclip('imagine', 'upscale me', '--count', '1', '--model', model);
    expect(JSON.parse(drawn.stdout).images).toEqual([{ path: small, seed: 1 }]);
    const large = join(folder, 'upscale-me-1-upscaled.png');
    const upscaled = await run('upscale', small, '--model', model, '--out', folder);
    expect(upscaled).toMatchObject({ code: 0, stdout: `${large}\n` });
    expect(await sharp(large).metadata()).toMatchObject({ width: 256, height: 256 });
    expect(readRecipe(await readFile(large), large)).toEqual({
      ...readRecipe(await readFile(small), small),
      upscaled: true,
    });
  });

  const REFUSED: [args: string[], message: string][] = [
    [['modify', SOURCE, 'a', '--strength', '0,much'], 'strength must be a number from 0 to 1, not much'],
    [['modify', SOURCE, 'a', '--as', 'avi'], '--as must be one of png, strip, gif, webp, not avi'],
    [['modify', '/nowhere.png', 'a'], 'image /nowhere.png: expected a picture file'],
    [
      ['modify', SOURCE, 'a', '--width', '100'],
      'width and height must be multiples of 64 with emoji-v9, not 100 × 128',
    ],
    // where they would change nothing
    [['modify', SOURCE, 'a', '--prior', 'ar'], "unknown option '--prior'"],
    [['variations', SOURCE, '--prior-guidance', '2'], "unknown option '--prior-guidance'"],
    [['interpolate', SOURCE, OTHER, '--count', '2'], "unknown option '--count'"],
    [['reconstruct', SOURCE, '--negative', 'frame'], "unknown option '--negative'"],
    [['inpaint', OTHER, '--dynamic-thresholding', '0.9'], "unknown option '--dynamic-thresholding'"],
    [['inpaint', OTHER], 'a.png: a picture without a transparent part needs a mask'],
  ];

  it.each(REFUSED)('%j', async (args, message) => {
    const { code, stdout, stderr } = await unclip(...args);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('    at ');
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });
});
