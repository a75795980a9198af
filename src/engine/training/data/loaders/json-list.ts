import { basename } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import pick from 'stream-json/filters/pick.js';
import streamArray from 'stream-json/streamers/stream-array.js';
import type { z } from 'zod';
import { InputError } from '../../../../errors.ts';
import type { LeaveOut } from '../collection.ts';
import { readText } from './text-file.ts';

/** The list of a JSON file that is read. */
interface JsonList<T> {
  readonly path: string;
  /** Where the list is: a key of the object that the file holds; without it the file is the list. */
  readonly key?: string;
  readonly schema: z.ZodType<T>;
  /** Why elements that are otherwise are left out. */
  readonly otherwise: string;
}

/**
 * The elements of a list in a JSON file of any size, one after another.
 * @throws InputError when the file is no JSON, not UTF-8, or ends early
 */
export async function* readJsonList<T>(list: JsonList<T>, leaveOut: LeaveOut): AsyncGenerator<T> {
  const { path, key, schema, otherwise } = list;
  let index = 0;
  for await (const value of elements(path, key)) {
    const element = schema.safeParse(value);
    if (element.success) yield element.data;
    else leaveOut(otherwise, `${basename(path)} ${key ?? ''}[${index}]`);
    index++;
  }
}

async function* elements(path: string, key: string | undefined): AsyncGenerator<unknown> {
  const tokens = { packValues: true, streamValues: false };
  const stages = key
    ? [pick.withParserAsStream({ filter: key, ...tokens }), streamArray.asStream()]
    : [streamArray.withParserAsStream(tokens)];
  const parsed = pipeline([Readable.from(readText(path)), ...stages], () => {}) as unknown;
  try {
    for await (const { value } of parsed as AsyncIterable<{ value: unknown }>) yield value;
  } catch (error) {
    if (error instanceof InputError || (error as NodeJS.ErrnoException).code !== undefined) throw error;
    const expected = key ? `an object with a list "${key}"` : 'a list';
    throw new InputError(
      `${path}: expected ${expected} as JSON; it is something else, or was cut short (${(error as Error).message})`,
    );
  }
}
