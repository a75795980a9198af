import { existsSync, statSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import JSON5 from 'json5';
import { z } from 'zod';
import { InputError } from '../../../errors.ts';

/** A folder that may hold reference values. */
export class Folder {
  readonly path: string;
  #parsed = new Map<string, unknown>();

  /** @throws InputError when there is no such folder */
  constructor(path: string) {
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
      throw new InputError(`${path}: expected a folder, found ${existsSync(path) ? 'a file' : 'nothing'}`);
    }
    this.path = path;
  }

  /** Path of a file or folder inside. */
  file(name: string): string {
    return join(this.path, name);
  }

  has(name: string): boolean {
    return existsSync(this.file(name));
  }

  /**
   * A JSON file parsed, NaN and Infinity as Python writes them included; undefined when there is none.
   * @throws InputError when it isn't JSON
   */
  async json(name: string): Promise<unknown> {
    if (!this.has(name)) return undefined;
    if (!this.#parsed.has(name)) {
      const text = await readFile(this.file(name), 'utf8');
      try {
        this.#parsed.set(name, JSON5.parse(text));
      } catch (error) {
        throw new InputError(`${this.file(name)}: not JSON: ${(error as Error).message}`);
      }
    }
    return this.#parsed.get(name);
  }

  /** @throws InputError when the JSON isn't what the schema says, or missing */
  async parse<S extends z.ZodType>(name: string, schema: S): Promise<z.infer<S>> {
    const parsed = schema.safeParse(await this.json(name));
    if (parsed.success) return parsed.data;
    throw new InputError(`${this.file(name)}: ${z.prettifyError(parsed.error)}`);
  }

  /** Does `case.json` list cases that have these keys? */
  async hasCasesWith(...keys: string[]): Promise<boolean> {
    const { cases } = Object(await this.json('case.json')) as { cases?: unknown };
    const first = Array.isArray(cases) ? cases[0] : undefined;
    return typeof first === 'object' && first !== null && keys.every((key) => key in first);
  }

  async subfolders(): Promise<Folder[]> {
    const entries = await readdir(this.path, { withFileTypes: true });
    const names = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
    return names.sort().map((name) => new Folder(this.file(name)));
  }
}
