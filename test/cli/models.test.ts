import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { startHub } from '../models/hub-server.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/unclip.mjs', import.meta.url));
const GOLDEN = fileURLToPath(new URL('../golden', import.meta.url));

interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const models = (...args: string[]) => modelsWith({}, ...args);

function modelsWith(env: Record<string, string>, ...args: string[]): Promise<Finished> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [PROGRAM, 'models', ...args],
      { env: { ...process.env, ...env } },
      (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
      },
    );
  });
}

describe('unclip models inspect', { timeout: 60_000 }, () => {
  it('prints components and abilities, as text and as JSON', async () => {
    const [text, json] = await Promise.all([
      models('inspect', `${GOLDEN}/karlo-tiny`),
      models('inspect', `${GOLDEN}/karlo-tiny`, '--json'),
    ]);
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(
      /model\/decoder +UNet2DConditionModel +0\.84 M +float16 +1\.7 MB +z_i, text → picture 8 × 8\n/,
    );
    expect(text.stdout).toMatch(/^operations +imagine, /m);
    const report = JSON.parse(json.stdout);
    expect(report).toMatchObject({ name: 'karlo-tiny', problem: null });
    expect(report.components).toHaveLength(12);
  });

  it('prints what there is of half a model, and ends with what is missing', async () => {
    const { code, stdout, stderr } = await models('inspect', `${GOLDEN}/kandinsky-tiny/decoder-model`);
    expect(code).toBe(2);
    expect(stdout).toContain('movq');
    expect(stderr).toContain('expected one folder with a prior');
  });
});

it('unclip models synthesize names the models that it knows', { timeout: 60_000 }, async () => {
  const { code, stderr } = await models('synthesize', 'dalle2', 'somewhere');
  expect(code).toBe(2);
  expect(stderr).toContain('karlo, kandinsky22');
});

it('unclip models download asks the Hub of HF_ENDPOINT with the token of HF_TOKEN', { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'unclip-models-'));
  const files = {
    'model_index.json': Buffer.from(
      '{"_class_name": "KandinskyV22Pipeline", "scheduler": ["diffusers", "DDPMScheduler"]}',
    ),
    'scheduler/scheduler_config.json': Buffer.from('{"_class_name": "DDPMScheduler"}'),
  };
  const commit = 'ab'.repeat(20);
  const hub = await startHub({ repository: 'me/tiny', commit, files, isLarge: () => false, token: 'hf_right' });
  const download = (token: string) =>
    modelsWith({ HF_ENDPOINT: hub.endpoint, HF_TOKEN: token }, 'download', 'me/tiny', '--to', folder);
  const wrong = await download('hf_wrong');
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain(`error: ${hub.endpoint}/me/tiny: not found, or private (status 401)`);
  const right = await download('hf_right');
  expect(right.code).toBe(0);
  expect(right.stdout).toBe(`${join(folder, 'tiny')}: 0.0 MB, commit ${commit}\n`);
  expect(await readFile(join(folder, 'tiny/scheduler/scheduler_config.json'))).toEqual(
    files['scheduler/scheduler_config.json'],
  );
  await hub.close();
  await rm(folder, { recursive: true });
});
