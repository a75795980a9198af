import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { hasByteProducts } from '../../src/engine/processor.ts';

vi.setConfig({ testTimeout: 120_000 });

const PROGRAM = fileURLToPath(new URL('../../bin/unclip.mjs', import.meta.url));
const TINY = fileURLToPath(new URL('../golden/kandinsky-tiny', import.meta.url));

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unclip-quantize-'));
});
afterAll(() => rm(dir, { recursive: true }));

const unclip = (...args: string[]) =>
  promisify(execFile)(process.execPath, [PROGRAM, ...args], {
    env: { ...process.env, XDG_CACHE_HOME: join(dir, 'cache'), ENGINE_THREADS: '2' },
  });

test('a model is calibrated, compared, and then draws in int8', async () => {
  const model = join(dir, 'model');
  await cp(TINY, model, { recursive: true });
  const refused = await unclip('imagine', 'red heart', '--model', model, '--precision', 'int8').catch((error) => error);
  expect(refused).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('was not calibrated: npm run models -- quantize'),
  });

  const pairs = join(dir, 'pairs');
  const counts = ['--pictures', '1', '--steps', '2', '--compare', '1', '--out', pairs];
  const { stdout } = await unclip('models', 'quantize', model, ...counts, '--json');
  const { files, ...comparison } = JSON.parse(stdout);
  expect(files).toHaveLength(3);
  // elsewhere weights have 7 bits, and the similarity that random ones start from is small
  const loss = expect.closeTo(0, hasByteProducts() ? 1 : 0);
  expect(comparison).toMatchObject({ prompts: 1, samePicture: expect.closeTo(1, 1), loss });
  expect(await readdir(pairs)).toEqual(['red-apple.float32.png', 'red-apple.int8.png']);

  const out = ['--out', join(dir, 'out'), '--steps', '2', '--count', '2', '--seed', '1'];
  await unclip('imagine', 'red heart', '--model', model, '--precision', 'int8', ...out);
  expect(await readdir(join(dir, 'out'))).toHaveLength(2);
});

test.each([
  [['--only'], '--only compares: say how many pictures, --compare 1 to 120'],
  [['--out', 'package.json'], '--out package.json: expected a folder, found a file'],
  [['--pictures', '0'], "option '--pictures <n>' argument '0' is invalid. It must be a whole number from 1 to 1000."],
  [['--compare', 'all'], "option '--compare <n>' argument 'all' is invalid. It must be a whole number from 0 to 120."],
])('what says nothing to do, or is out of range, is refused: %j', async (options, message) => {
  const refused = await unclip('models', 'quantize', TINY, ...options).catch((error) => error);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
});
