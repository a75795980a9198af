import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readRecipe } from '../../src/engine/images/encode-picture.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/unclip.mjs', import.meta.url));

interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const imagine = (...args: string[]): Promise<Finished> => unclip('imagine', ...args);

function unclip(...args: string[]): Promise<Finished> {
  return new Promise((resolve) => {
    execFile(process.execPath, [PROGRAM, ...args], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

let folder: string;
const quick = () => ['--steps', '2', '--out', join(folder, 'out')];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'unclip-imagine-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('imagine', { timeout: 60_000 }, () => {
  it('writes four PNGs and prints their paths', async () => {
    const { code, stdout } = await imagine('red heart', '--seed', '5', ...quick());
    expect(code).toBe(0);
    const paths = stdout.trim().split('\n');
    expect(paths).toEqual([5, 6, 7, 8].map((seed) => join(folder, 'out', `red-heart-${seed}.png`)));
    const { width, height, channels, format } = await sharp(paths[0]).metadata();
    expect({ width, height, channels, format }).toEqual({ width: 128, height: 128, channels: 4, format: 'png' });
  });

  it('prints one JSON object and nothing else with --json', async () => {
    const { stdout } = await imagine('red', 'heart', '--seed', '0', '--count', '2', '--json', ...quick());
    const { images, timings, ...settings } = JSON.parse(stdout);
    expect(images.map(({ seed }: { seed: number }) => seed)).toEqual([0, 1]);
    expect(Object.keys(timings)).toEqual(['load', 'prior', 'decoder', 'decode']);
    expect(Object.values(timings).every((seconds) => typeof seconds === 'number' && seconds > 0)).toBe(true);
    expect(settings).toMatchObject({ prompt: 'red heart', model: 'emoji-v9', sampler: 'ddim', steps: 2 });
  });

  it('draws the same picture from the same seed, alone or beside others', async () => {
    await imagine('blue circle', '--seed', '10', '--count', '3', ...quick());
    const beside = await readFile(join(folder, 'out', 'blue-circle-12.png'));
    await imagine('blue circle', '--seed', '12', '--count', '1', ...quick());
    const alone = await readFile(join(folder, 'out', 'blue-circle-12.png'));
    expect(readRecipe(alone, 'alone')).toEqual(readRecipe(beside, 'beside'));
    const [a, b] = await Promise.all([beside, alone].map((png) => sharp(png).raw().toBuffer()));
    expect(Math.max(...a!.map((value, i) => Math.abs(value - b![i]!)))).toBeLessThanOrEqual(1);
  });

  it('obeys every setting', async () => {
    const settings = ['--sampler', 'euler', '--guidance', '1.5', '--prior-guidance', '2', '--negative', 'blue'];
    await imagine('sun', '--seed', '1', '--count', '1', ...settings, ...quick());
    const png = await readFile(join(folder, 'out', 'sun-1.png'));
    expect(readRecipe(png, 'sun')).toMatchObject({
      sampler: 'euler',
      guidanceScale: 1.5,
      priorGuidanceScale: 2,
      negativePrompt: 'blue',
    });
  });

  it('leaves no folder behind where it refuses', async () => {
    const out = join(folder, 'new', 'deeper');
    const { code } = await imagine('sun', '--width', '9', '--out', out);
    expect(code).toBe(2);
    expect(await readdir(folder)).not.toContain('new');
  });

  it('varies a picture, and blends two or a picture and a prompt', async () => {
    await imagine('green apple', '--seed', '1', '--count', '2', ...quick());
    const [a, b] = [1, 2].map((seed) => join(folder, 'out', `green-apple-${seed}.png`));
    const one = ['--seed', '3', '--count', '1', ...quick()];
    expect((await imagine('--image', a!, ...one)).stdout).toContain('variations-3.png');
    expect((await imagine('--image', a!, '--image', b!, ...one)).stdout).toContain('blend-3.png');
    expect((await imagine('heart', '--image', a!, ...one)).stdout).toContain('heart-3.png');
    expect(await readdir(join(folder, 'out'))).toContain('heart-3.png');
  });

  it('draws with a model of another family, by its own settings', async () => {
    const model = ['--model', 'test/golden/karlo-tiny/model'];
    const { stdout } = await imagine('red heart', '--seed', '1', '--json', ...model, '--out', join(folder, 'out'));
    const { images, ...settings } = JSON.parse(stdout);
    expect(settings).toMatchObject({ model: 'model', sampler: 'unclip', steps: 25, guidanceScale: 8 });
    const { width, height, channels } = await sharp(images[3].path).metadata();
    expect({ width, height, channels }).toEqual({ width: 16, height: 16, channels: 3 });
  });
});

it('says in its help what each number may be and what it is by default', { timeout: 60_000 }, async () => {
  const { stdout } = await imagine('--help');
  const help = stdout.replace(/\s+/g, ' ');
  expect(help).toContain('denoising steps of the decoder, 1 to 250 (default: the model');
  expect(help).toContain('how many pictures, 1 to 4, each with the next seed (default: 4)');
  expect(help).toContain('beside a prompt, all are blended -h');
});

it('options that npm kept for itself, because no -- stands before them, are not taken for words', async () => {
  vi.stubEnv('npm_config_count', 'true');
  vi.stubEnv('npm_lifecycle_event', 'imagine');
  const { code, stderr } = await imagine('red heart', '1').finally(() => vi.unstubAllEnvs());
  expect(code).toBe(2);
  expect(stderr).toContain('npm kept --count for itself');
  expect(stderr).toContain('npm run imagine -- --count …');
});

it('nor do they vanish where a command takes no words', async () => {
  vi.stubEnv('npm_config_data', 'elsewhere');
  vi.stubEnv('npm_lifecycle_event', 'train');
  const { code, stderr } = await unclip('train', 'movq', 'elsewhere').finally(() => vi.unstubAllEnvs());
  expect(code).toBe(2);
  expect(stderr).toContain('npm run train -- movq --data …');
});

describe('imagine with wrong input', { timeout: 60_000 }, () => {
  const REFUSED: [args: string[], message: string][] = [
    [[], 'prompt must not be empty'],
    [['  '], 'prompt must not be empty'],
    [['x'.repeat(1001)], 'prompt must have at most 1000 characters, not 1001'],
    [['a', '--seed', '1.5'], 'seed must be a whole number from 0 to 9007199254740991, not 1.5'],
    [['a', '--seed', 'abc'], 'not abc'],
    [['a', '--steps', '0'], 'steps must be a whole number from 1 to 250, not 0'],
    [['a', '--guidance', 'NaN'], 'guidance must be a number from 0 to 20, not NaN'],
    [['a', '--count', '5'], 'count must be a whole number from 1 to 4, not 5'],
    [['a', '--sampler', 'magic'], 'sampler must be one of unclip, ddpm, ddim,'],
    [['a', '--model', '/nowhere'], '/nowhere'],
    [['--image', '/nowhere/cat.png'], '--image /nowhere/cat.png: expected a picture file, there is no such file'],
    [['--image', tmpdir()], `--image ${tmpdir()}: expected a picture file, found a folder`],
    [['a', ...Array(5).fill('--image=test/golden/karlo-tiny/source.png')], 'a blend takes 1 to 4 pictures, not 5'],
    [['a', '--out', 'package.json'], '--out package.json: expected a folder, found a file'],
    [['a', '--out', '/proc/nobody/out'], "--out /proc/nobody/out: this folder can't be made (ENOENT)"],
    [['a', '--colour', 'red'], "unknown option '--colour'"],
  ];

  it.each(REFUSED)('%j', async (args, message) => {
    const { code, stdout, stderr } = await imagine(...quick(), ...args);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('    at ');
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  it('a file that is no picture, and too many files', async () => {
    const file = join(folder, 'notes.png');
    await writeFile(file, 'no picture at all');
    const refused = await imagine('--image', file, ...quick());
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain(`error: ${file}: expected a PNG`);
  });
});
