import { createReadStream, existsSync, statSync } from 'node:fs';
import { appendFile, rm, truncate, writeFile } from 'node:fs/promises';
import { createInterface, type Interface } from 'node:readline';
import type { Item } from './collection.ts';
import type { PictureRecord } from './dataset.ts';
import { PICTURE_BYTES } from './rasterise.ts';

/** What became of an item: its picture was drawn, or left out for a reason. */
export interface Outcome {
  readonly record: PictureRecord;
  /** Of its file, before it was read. */
  readonly stamp?: string | undefined;
  readonly leftOut?: string;
}

/** What a line is believed by. */
const identityOf = ({ record, stamp }: Outcome) => JSON.stringify({ record, stamp });

/**
 * The pictures drawn so far, and beside them a line for each item. It is read again while the items are read again, and
 * is believed as far as its lines are of the same items in the same order, with the same files: what follows is cut off
 * and drawn anew.
 */
export class Journal {
  readonly #path: string;
  readonly #pictures: string;
  readonly #reader: Interface | undefined;
  readonly #lines: AsyncIterator<string> | undefined;
  /** Bytes that the pictures' file had. */
  readonly #found: number = 0;
  /** Bytes of lines, and pictures, that are known to be right. */
  #bytes = 0;
  #drawn = 0;
  #believed = true;

  /** @param head  what else the pictures depend on; a journal that begins otherwise is not believed */
  static async open(path: string, pictures: string, head: string): Promise<Journal> {
    const journal = new Journal(path, pictures);
    if ((await journal.#next()) === head) journal.#bytes = Buffer.byteLength(head);
    else await journal.#restart(head);
    return journal;
  }

  private constructor(path: string, pictures: string) {
    this.#path = path;
    this.#pictures = pictures;
    if (!existsSync(path) || !existsSync(pictures)) return;
    this.#found = statSync(pictures).size;
    this.#reader = createInterface({ input: createReadStream(path) });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /**
   * What became of these items earlier; undefined when they are still to be drawn.
   * @param again  tries once more to draw one that was left out
   */
  async recall(items: readonly Item[], again: (item: Item) => Promise<Outcome>): Promise<Outcome[] | undefined> {
    if (!this.#believed) return undefined;
    const outcomes: Outcome[] = [];
    let bytes = 0;
    for (const item of items) {
      const line = await this.#next();
      const outcome = line === undefined ? undefined : parseOutcome(line);
      if (!outcome) return this.#cutOff();
      const now = outcome.leftOut === undefined ? await undrawn(item) : await again(item);
      if (identityOf(outcome) !== identityOf(now) || outcome.leftOut !== now.leftOut) return this.#cutOff();
      outcomes.push(outcome);
      bytes += Buffer.byteLength(`\n${line}`);
    }
    const drawn = this.#drawn + outcomes.filter(({ leftOut }) => leftOut === undefined).length;
    if (drawn * PICTURE_BYTES > this.#found) return this.#cutOff();
    this.#bytes += bytes;
    this.#drawn = drawn;
    return outcomes;
  }

  async append(outcomes: readonly Outcome[], pictures: Uint8Array): Promise<void> {
    await appendFile(this.#pictures, pictures);
    // a line that a sudden stop cuts short is no JSON: newlines go before, not after
    await appendFile(this.#path, outcomes.map((outcome) => `\n${JSON.stringify(outcome)}`).join(''));
  }

  /** Cuts off what is left of items that are no longer there. */
  async end(): Promise<void> {
    if (this.#believed) await this.#cutOff();
  }

  /** The records of the drawn pictures, in order. */
  async *records(): AsyncGenerator<PictureRecord> {
    let head = true;
    for await (const line of createInterface({ input: createReadStream(this.#path) })) {
      const outcome = head ? undefined : parseOutcome(line);
      head = false;
      if (outcome && outcome.leftOut === undefined) yield outcome.record;
    }
  }

  remove(): Promise<void> {
    return rm(this.#path);
  }

  /** Takes it away where no picture has been drawn yet. */
  async removeIfEmpty(): Promise<void> {
    this.#reader?.close();
    const found = statSync(this.#pictures, { throwIfNoEntry: false });
    if (found !== undefined && found.size < PICTURE_BYTES) await this.discard();
  }

  /** Takes it away with the pictures. */
  async discard(): Promise<void> {
    await this.remove();
    await rm(this.#pictures);
  }

  async #next(): Promise<string | undefined> {
    const next = await this.#lines?.next();
    return next?.done ? undefined : next?.value;
  }

  async #cutOff(): Promise<undefined> {
    this.#believed = false;
    this.#reader?.close();
    await truncate(this.#path, this.#bytes);
    await truncate(this.#pictures, this.#drawn * PICTURE_BYTES);
  }

  async #restart(head: string): Promise<void> {
    this.#believed = false;
    this.#reader?.close();
    await writeFile(this.#pictures, '');
    await writeFile(this.#path, head);
  }
}

/** An item as its outcome is known before it is drawn. */
export const undrawn = async ({ record, stamp }: Item): Promise<Outcome> => ({ record, stamp: await stamp?.() });

/** undefined for a line that was cut short. */
function parseOutcome(line: string): Outcome | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
