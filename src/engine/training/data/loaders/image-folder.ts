import { readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { z } from 'zod';
import type { LeaveOut } from '../collection.ts';
import { cleanCaption } from './clean-caption.ts';
import { firstThere, staysBelow, walk } from './folder.ts';
import { groupByKey } from './group-by-key.ts';
import type { Loader, ReadOptions, Sample } from './loader.ts';
import { readTable } from './table.ts';
import { readLines, readText } from './text-file.ts';

const Entry = z.object({ file_name: z.string(), text: z.string().optional(), caption: z.string().optional() });

/**
 * Hugging Face's imagefolder: `metadata.jsonl` or `metadata.csv` beside the pictures, or in each folder of a split
 * (train, validation, test); `file_name` is relative to it. Each caption is a concept.
 */
export const imageFolder: Loader = {
  name: 'imagefolder',
  title: "Hugging Face's imagefolder",
  layout:
    'metadata.jsonl with a line {"file_name": "cat.png", "text": "a cat"} for each picture, or metadata.csv with these columns',
  captionsAre: 'names',
  recognises: (dir) => metadataFiles(dir).length > 0,
  count,
  read,
};

/** Below the folder: its own, and those of its folders. */
function metadataFiles(dir: string): { folder: string; file: string }[] {
  const folders = readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const names = ['', ...folders.map(({ name }) => name).sort()];
  return names.flatMap((folder) => {
    const file = firstThere(dir, [join(folder, 'metadata.jsonl'), join(folder, 'metadata.csv')]);
    return file ? { folder, file } : [];
  });
}

async function count(dir: string): Promise<number> {
  let samples = 0;
  for await (const { file } of readSamples(dir, () => {})) if (staysBelow(file)) samples++;
  return samples;
}

async function* read(dir: string, { leaveOut, scratch }: ReadOptions): AsyncGenerator<Sample> {
  yield* readSamples(dir, leaveOut);
  for await (const [picture, found] of groupByKey(picturesAndNames(dir), scratch))
    if (!found.includes('name')) leaveOut('a picture that no line names', picture);
}

async function* readSamples(dir: string, leaveOut: LeaveOut): AsyncGenerator<Sample> {
  for (const { folder, file } of metadataFiles(dir)) {
    let isEmpty = true;
    for await (const { values, where } of readEntries(dir, file, leaveOut)) {
      isEmpty = false;
      const entry = Entry.safeParse(values);
      const caption = cleanCaption(entry.data?.text || entry.data?.caption || '');
      if (!entry.success) leaveOut('a line without "file_name", or with something else than text in it', where);
      else if (caption === '')
        leaveOut('a line without a caption: expected "text" or "caption" beside "file_name"', where);
      else {
        const path = join(folder, entry.data.file_name);
        yield { file: path, captions: [caption], concept: caption, group: caption, source: path };
      }
    }
    if (isEmpty) leaveOut('a file in which nothing stands', file);
  }
}

const PICTURES = ['.png', '.jpg', '.jpeg', '.webp', '.gif', '.svg'];

/** The pictures below the folder, and the names of pictures in its metadata. */
async function* picturesAndNames(dir: string): AsyncGenerator<[path: string, found: 'picture' | 'name']> {
  for await (const file of walk(dir)) if (PICTURES.includes(extname(file).toLowerCase())) yield [file, 'picture'];
  for (const { folder, file } of metadataFiles(dir)) {
    for await (const { values } of readEntries(dir, file, () => {})) {
      const { data } = Entry.pick({ file_name: true }).safeParse(values);
      if (data) yield [join(folder, data.file_name), 'name'];
    }
  }
}

async function* readEntries(dir: string, file: string, leaveOut: LeaveOut) {
  if (file.endsWith('.csv')) return yield* readTable(join(dir, file), ',', ['file_name'], leaveOut);
  let line = 0;
  for await (const text of readLines(readText(join(dir, file)))) {
    const where = `${file} line ${++line}`;
    if (text.trim() === '') continue;
    try {
      yield { values: JSON.parse(text) as unknown, where };
    } catch {
      leaveOut('a line that is no JSON', where);
    }
  }
}
