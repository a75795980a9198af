import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Comparison } from '../../src/engine/evaluation/verify/comparison.ts';
import { Folder } from '../../src/engine/evaluation/verify/folder.ts';
import { networks } from '../../src/engine/evaluation/verify/networks.ts';
import { readSafetensors } from '../../src/engine/weights/safetensors.ts';

const GOLDEN = 'test/golden/networks';

test.each(readdirSync(GOLDEN))('%s gives the reference outputs, inside and at the end', async (name) => {
  const folder = new Folder(`${GOLDEN}/${name}`);
  expect(await networks.recognises(folder)).toBe(true);
  const comparison = new Comparison(await readSafetensors(folder.file('expected.safetensors')));
  await networks.run(folder, comparison);
  const results = comparison.finish();
  expect(results.filter(({ pass }) => !pass)).toEqual([]);
  expect(results.length).toBeGreaterThanOrEqual(2);
});
