import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

const BETWEEN_LINES = 30_000;

/** A line of log.jsonl: a step with its figures, or an evaluation. */
export type LogEntry = {
  readonly step: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly evaluation?: Readonly<Record<string, number>>;
} & Readonly<Record<string, unknown>>;

/** The entries of a log, none where there is no file; a line that a sudden stop has cut short is left out. */
export async function readLog(path: string): Promise<LogEntry[]> {
  const lines = existsSync(path) ? (await readFile(path, 'utf8')).split('\n') : [];
  return lines.flatMap((line) => {
    try {
      return [JSON.parse(line)];
    } catch {
      return [];
    }
  });
}

/** What a run tells: a line on the terminal that renews itself, and every step in log.jsonl. */
export class RunLog {
  readonly #path: string;
  readonly #terminal: NodeJS.WriteStream;
  #lines: string[] = [];
  #shownAt = 0;
  #writtenAt = 0;

  constructor(path: string, terminal: NodeJS.WriteStream = process.stderr) {
    this.#path = path;
    // a sudden stop has cut the last line short: the next one begins anew
    if (existsSync(path) && !readFileSync(path, 'utf8').endsWith('\n')) appendFileSync(path, '\n');
    this.#terminal = terminal;
  }

  /** @param live what is shown of it: on a terminal as much as its width holds */
  step(entry: Readonly<Record<string, number>>, live: string): void {
    const now = Date.now();
    this.#lines.push(JSON.stringify({ ...entry, time: now }));
    if (now - this.#writtenAt > 1000) this.flush();
    if (this.#terminal.isTTY) this.#terminal.write(`\r\x1b[K${this.#cut(live)}`);
    else if (now - this.#shownAt > BETWEEN_LINES) this.#terminal.write(`${live}\n`);
    else return;
    this.#shownAt = now;
  }

  /** To one row: of a line that wraps only the last row would be renewed. A terminal of unknown width says 0 columns. */
  #cut(live: string): string {
    const { columns } = this.#terminal;
    // in the last column some terminals wrap already
    return columns ? live.slice(0, columns - 1) : live;
  }

  say(line: string): void {
    this.#terminal.write(this.#terminal.isTTY ? `\r\x1b[K${line}\n` : `${line}\n`);
  }

  /** An entry beside the steps: an evaluation. */
  event(entry: Readonly<Record<string, unknown>>): void {
    this.#lines.push(JSON.stringify({ ...entry, time: Date.now() }));
    this.flush();
  }

  flush(): void {
    if (this.#lines.length > 0) appendFileSync(this.#path, `${this.#lines.join('\n')}\n`);
    this.#lines = [];
    this.#writtenAt = Date.now();
  }
}
