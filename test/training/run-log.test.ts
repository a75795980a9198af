import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RunLog } from '../../src/engine/training/run-log.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'unclip-run-log-'));
});
afterEach(() => rm(folder, { recursive: true }));

const LIVE = `movq step 12, ${'loss 0.123 '.repeat(20)}`;

/** What is shown of a step, on a terminal that says so many columns, or in a file. */
function shownOf(terminal: Partial<NodeJS.WriteStream>): string {
  let written = '';
  const write = (text: string) => {
    written += text;
    return true;
  };
  new RunLog(join(folder, 'log.jsonl'), { ...terminal, write } as NodeJS.WriteStream).step({ step: 12 }, LIVE);
  return written;
}

test('the live line stays in one row of the terminal, and a file has all of it', () => {
  expect(shownOf({ isTTY: true, columns: 80 })).toBe(`\r\x1b[K${LIVE.slice(0, 79)}`);
  expect(shownOf({ isTTY: true, columns: 0 })).toBe(`\r\x1b[K${LIVE}`);
  expect(shownOf({ isTTY: false })).toBe(`${LIVE}\n`);
});
