import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../../bin/unclip.mjs', import.meta.url));
const MODEL = fileURLToPath(new URL('../golden/kandinsky-tiny', import.meta.url));

function bench(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [PROGRAM, 'bench', ...args], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

describe('bench', { timeout: 180_000 }, () => {
  it('measures a model, the table on stderr and one JSON object on stdout', async () => {
    const { code, stdout, stderr } = await bench('--model', MODEL, '--threads', '1', '--rounds', '1', '--json');
    expect(code, stderr).toBe(0);
    const { networks, ...figures } = JSON.parse(stdout);
    expect(Object.keys(networks)).toEqual(
      expect.arrayContaining(['prior', 'unet', 'movq: decoder', 'text_encoder', 'image_encoder']),
    );
    expect(figures).toMatchObject({ threads: 1, ratios: {}, loadBefore: expect.any(Number) });
    expect(stderr).toContain(`load before it began: ${figures.loadBefore} on `);
    const positive = ['loadSeconds', 'drawSeconds', 'picturesPerSecond', 'memoryAboveWeightsBytes', 'weightsBytes'];
    for (const name of [...positive, 'secondStart', 'firstStep', 'imagine']) {
      expect(figures[name], name).toBeGreaterThan(0);
    }
    for (const row of ['one run of unet', 'pictures a second', '/imagine, warm', 'second start', 'memory above']) {
      expect(stderr).toContain(row);
    }
  });

  it('says which peers there are', async () => {
    const { code, stderr } = await bench('--against', 'diffusers,automatic');
    expect(code).toBe(2);
    expect(stderr).toContain('Expected diffusers or openvino, found automatic.');
  });
});
