import { appendFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { splitHash } from '../split.ts';

const PARTS = 64;
/** Characters kept of each part before they are written. */
const BUFFER = 2 ** 16;

/**
 * Rows that have a key in common, together: for tables larger than memory, whose rows come in any order. They are spread
 * over files by a hash of the key, then a file at a time is grouped.
 * @param scratch  a folder for these files, which is removed at the end
 */
export async function* groupByKey<Row>(
  rows: AsyncIterable<readonly [key: string, row: Row]>,
  scratch: string,
): AsyncGenerator<[key: string, rows: Row[]]> {
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  try {
    for (const file of await spread(rows, scratch)) {
      const groups = new Map<string, Row[]>();
      for (const line of (await readFile(file, 'utf8')).split('\n').slice(0, -1)) {
        const [key, row]: [string, Row] = JSON.parse(line);
        const group = groups.get(key);
        if (group) group.push(row);
        else groups.set(key, [row]);
      }
      yield* groups;
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function spread(rows: AsyncIterable<readonly [string, unknown]>, scratch: string): Promise<string[]> {
  const files = Array.from({ length: PARTS }, (_, part) => join(scratch, `${part}.jsonl`));
  const buffers = files.map(() => '');
  for await (const row of rows) {
    const part = splitHash(row[0]) % PARTS;
    buffers[part] += `${JSON.stringify(row)}\n`;
    if (buffers[part]!.length < BUFFER) continue;
    await appendFile(files[part]!, buffers[part]!);
    buffers[part] = '';
  }
  for (const [part, file] of files.entries()) await appendFile(file, buffers[part]!);
  return files;
}
