import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { plotRun } from '../../src/engine/training/plot.ts';

test('a run is drawn as a curve of its loss and one of each figure; one that has not begun is refused', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'unclip-plot-'));
  await expect(plotRun(folder)).rejects.toThrow(/log\.jsonl is missing/);
  const steps = Array.from({ length: 1000 }, (_, i) => ({ step: i + 1, loss: 1 / (i + 1), norm: 2, rate: 5, time: i }));
  const lines = [...steps, { step: 1000, evaluation: { psnr: 25.5, top1: 0.5 }, time: 1000 }];
  const log = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  await writeFile(join(folder, 'log.jsonl'), `${log}{"step":1001,"lo`);
  const warn = vi.spyOn(console, 'warn').mockReturnValue();
  const svg = await plotRun(folder);
  expect(warn).not.toHaveBeenCalled();
  await rm(folder, { recursive: true });
  for (const title of ['loss', 'norm', 'rate', 'psnr', 'top1']) expect(svg).toContain(`>${title}</text>`);
  expect(svg).not.toContain('>time</text>');
  expect(svg).not.toContain('NaN');
  // thousands of steps become hundreds of points, here in three curves
  expect(svg.match(/L[\d.]+,/g)!.length / 3).toBeGreaterThan(200);
  expect(svg.match(/L[\d.]+,/g)!.length / 3).toBeLessThan(400);
});
