import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** URLs of this server are kept without their origin: the port may be another one after a restart. */
const LOCAL = '"local:/';

/**
 * Keyed records in memory, and in `<dataDir>/discord.jsonl` where there is a data folder: one change a line, the last
 * one counts. A line torn by a crash is left out; each start writes the file anew without what was superseded.
 */
export class Journal {
  readonly records = new Map<string, unknown>();
  readonly #file: string | undefined;
  readonly #origin: string;
  #pending: string[] = [];
  #writing: Promise<void> = Promise.resolve();

  private constructor(file: string | undefined, origin: string) {
    this.#file = file;
    this.#origin = `"${origin}/`;
  }

  static async open(dataDir: string | undefined, origin: string): Promise<Journal> {
    const journal = new Journal(dataDir && join(dataDir, 'discord.jsonl'), origin);
    if (dataDir) await mkdir(dataDir, { recursive: true });
    await journal.#load();
    return journal;
  }

  put(key: string, value: unknown): void {
    this.records.set(key, value);
    this.#append({ key, value });
  }

  delete(key: string): void {
    if (this.records.delete(key)) this.#append({ key });
  }

  /** Values whose key begins with `prefix`, oldest change first. */
  *values<T>(prefix: string): Generator<T> {
    for (const [key, value] of this.records) if (key.startsWith(prefix)) yield value as T;
  }

  /** Resolves when all changes so far are in the file; rejects where one could not be written. */
  flushed(): Promise<void> {
    return this.#writing;
  }

  async #load(): Promise<void> {
    if (!this.#file) return;
    const text = await readFile(this.#file, 'utf8').catch((error) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    for (const line of text.split('\n').filter(Boolean)) {
      const change = parseLine(line.replaceAll(LOCAL, this.#origin));
      if (!change) continue;
      if ('value' in change) this.records.set(change.key, change.value);
      else this.records.delete(change.key);
    }
    const compact = [...this.records].map(([key, value]) => this.#line({ key, value })).join('');
    // For its owner alone: it holds the bot's token.
    await writeFile(`${this.#file}.new`, compact, { mode: 0o600 });
    await rename(`${this.#file}.new`, this.#file);
  }

  #line(change: { key: string; value?: unknown }): string {
    return `${JSON.stringify(change).replaceAll(this.#origin, LOCAL)}\n`;
  }

  #append(change: { key: string; value?: unknown }): void {
    const file = this.#file;
    if (!file) return;
    this.#pending.push(this.#line(change));
    if (this.#pending.length > 1) return;
    this.#writing = this.#writing.then(async () => {
      const lines = this.#pending.join('');
      this.#pending = [];
      await appendFile(file, lines);
    });
    this.#writing.catch(() => {}); // reported by flushed()
  }
}

function parseLine(line: string): { key: string; value?: unknown } | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
