import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../../bin/unclip.mjs', import.meta.url));
const GOLDEN = fileURLToPath(new URL('../golden', import.meta.url));

function models(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [PROGRAM, 'models', ...args], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

describe('unclip models inspect', { timeout: 60_000 }, () => {
  it('prints components and abilities, as text and as JSON', async () => {
    const [text, json] = await Promise.all([
      models('inspect', `${GOLDEN}/karlo-tiny`),
      models('inspect', `${GOLDEN}/karlo-tiny`, '--json'),
    ]);
    expect(text).toMatchObject({ code: 0, stderr: '' });
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
