import { createReadStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { InputError } from '../../../errors.ts';
import type { Collection, Item } from './bundled.ts';
import type { Concept } from './concepts.ts';
import { splitStyles } from './split.ts';

const CAPTION_KEYS = ['text', 'caption'] as const;
const Line = z.looseObject({ file_name: z.string(), text: z.string().optional(), caption: z.string().optional() });

/**
 * Anyone's pictures with captions, as Hugging Face's imagefolder: `metadata.jsonl` beside the pictures, each line with
 * `file_name` and `text` (or `caption`). Each caption is a concept.
 * @throws InputError for a folder without captions, or a line that is none
 */
export async function collectImageFolder(dir: string): Promise<Collection> {
  const path = join(dir, 'metadata.jsonl');
  if (!existsSync(path)) {
    throw new InputError(
      `${dir} has no captions: metadata.jsonl is missing; expected a line {"file_name": "cat.png", "text": "a cat"} for each picture`,
    );
  }
  const items: Item[] = [];
  const concepts = new Map<string, Concept>();
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    if (line.trim() === '') continue;
    const { file, caption } = parseLine(line, `${path}, line ${number}`);
    concepts.set(caption, { id: caption, name: caption, keywords: [], synonyms: [], hyponyms: [], hypernyms: [] });
    const split = splitStyles(caption, ['']).get('')!;
    items.push({
      record: { concept: caption, name: caption, style: '', split },
      load: () => readFile(join(dir, file)),
    });
  }
  if (items.length === 0) throw new InputError(`${path} is empty: expected a line for each picture`);
  return { items, concepts: [...concepts.values()] };
}

function parseLine(line: string, where: string): { file: string; caption: string } {
  // what is no UTF-8 was read as U+FFFD
  if (line.includes('\uFFFD')) throw new InputError(`${where} is not UTF-8: save the file in that encoding`);
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new InputError(`${where} is no JSON: ${(error as Error).message}`);
  }
  const parsed = Line.safeParse(value);
  if (!parsed.success) throw new InputError(`${where}: ${z.prettifyError(parsed.error)}`);
  const caption = CAPTION_KEYS.map((key) => parsed.data[key]?.trim()).find(Boolean);
  if (!caption) throw new InputError(`${where} has no caption: expected "text" or "caption" beside "file_name"`);
  return { file: parsed.data.file_name, caption };
}
