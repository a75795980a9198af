import type { LeaveOut } from './collection.ts';

interface Entry {
  readonly reason: string;
  count: number;
  /** Where the first few were. */
  readonly examples: string[];
}

const EXAMPLES = 5;

/** What a data set leaves out: how many for each reason. */
export class LeftOut {
  readonly #entries = new Map<string, Entry>();

  readonly add: LeaveOut = (reason, where) => {
    const entry = this.#entries.get(reason) ?? { reason, count: 0, examples: [] };
    this.#entries.set(reason, entry);
    entry.count++;
    if (entry.examples.length < EXAMPLES) entry.examples.push(where);
  };

  /** The most frequent reason first. */
  list(): readonly Readonly<Entry>[] {
    return [...this.#entries.values()].sort((a, b) => b.count - a.count);
  }

  /** A line for each reason. */
  lines(): string[] {
    return this.list().map(({ reason, count, examples }) => {
      const more = count > examples.length ? ', …' : '';
      return `left out ${count}: ${reason} (${examples.join(', ')}${more})`;
    });
  }
}
