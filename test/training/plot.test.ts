import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { plotRun } from '../../src/engine/training/plot.ts';

test('a run is drawn as a curve of its loss and one of each figure; one that has not begun is refused', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'unclip-plot-'));
  await expect(plotRun(folder)).rejects.toThrow(/log\.jsonl is missing/);
  const steps = Array.from({ length: 1000 }, (_, i) => ({ step: i + 1, loss: 1 / (i + 1), rate: 5 }));
  const lines = [...steps, { step: 1000, evaluation: { psnr: 25.5, top1: 0.5 } }].map((line) => JSON.stringify(line));
  await writeFile(join(folder, 'log.jsonl'), `${lines.join('\n')}\n`);
  const svg = await plotRun(folder);
  await rm(folder, { recursive: true });
  for (const title of ['loss', 'psnr', 'top1']) expect(svg).toContain(`>${title}</text>`);
  expect(svg).not.toContain('NaN');
  // thousands of steps become hundreds of points
  expect(svg.match(/L[\d.]+,/g)!.length).toBeGreaterThan(300);
  expect(svg.match(/L[\d.]+,/g)!.length).toBeLessThan(600);
});
