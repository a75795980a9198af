import { pipeline, Readable } from 'node:stream';
import pick from 'stream-json/filters/pick.js';
import streamArray from 'stream-json/streamers/stream-array.js';
import { InputError } from '../../../../errors.ts';
import { readText } from './text-file.ts';

/**
 * The elements of an array in a JSON file of any size, one after another.
 * @param key  where the array is: a key of the object that the file holds; without it the file is the array
 * @throws InputError when the file is no JSON, not UTF-8, or ends early
 */
export async function* readJsonArray(path: string, key?: string): AsyncGenerator<unknown> {
  const tokens = { packValues: true, streamValues: false };
  const stages = key
    ? [pick.withParserAsStream({ filter: key, ...tokens }), streamArray.asStream()]
    : [streamArray.withParserAsStream(tokens)];
  const elements = pipeline([Readable.from(readText(path)), ...stages], () => {}) as unknown;
  try {
    for await (const { value } of elements as AsyncIterable<{ value: unknown }>) yield value;
  } catch (error) {
    if (error instanceof InputError || (error as NodeJS.ErrnoException).code !== undefined) throw error;
    const expected = key ? `an object with a list "${key}"` : 'a list';
    throw new InputError(
      `${path}: expected ${expected} as JSON; it is something else, or was cut short (${(error as Error).message})`,
    );
  }
}
