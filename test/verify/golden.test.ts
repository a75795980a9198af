import { expect, test } from 'vitest';
import { type FolderReport, verify } from '../../src/engine/evaluation/verify/verify.ts';

/**
 * Folders and the least number of tensors in them, so that none is passed by leaving things out.
 * Networks have a test of their own.
 */
const FOLDERS = {
  'kandinsky-tiny': 68,
  'karlo-tiny': 83,
  preprocess: 15,
  random: 252,
  schedulers: 100,
  tokenizer: 60,
};

test.each(Object.entries(FOLDERS))(
  '%s: every tensor agrees with the reference',
  { timeout: 60_000 },
  async (folder, least) => {
    const reports: FolderReport[] = [];
    for await (const report of verify(`test/golden/${folder}`)) reports.push(report);
    expect(reports.filter(({ check }) => check === null)).toEqual([]);
    const tensors = reports.flatMap(({ tensors }) => tensors);
    expect(tensors.filter(({ pass }) => !pass)).toEqual([]);
    expect(tensors.length).toBeGreaterThanOrEqual(least);
  },
);
