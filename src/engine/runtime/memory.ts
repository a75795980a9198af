import { totalmem } from 'node:os';

/** Something in memory that can be made again. */
export interface Evictable {
  /** Of memory, once it is loaded. */
  readonly bytes: number;
  /** Of memory, at most, while it is being loaded. */
  readonly bytesToLoad: number;
  /** One that is busy stays. */
  readonly isBusy: boolean;
  evict(): Promise<void>;
}

/** What is known of the machine's memory, in bytes. */
export interface Machine {
  total(): number;
  /** Without swapping. */
  available(): number;
}

const THIS_MACHINE: Machine = { total: totalmem, available: () => process.availableMemory() };

/** For what runs need besides weights. */
const RESERVE = 1.5 * 2 ** 30;
/** A small model always stays whole: some systems call memory unavailable that they would give. */
const SMALL = 1 / 4;

/**
 * Networks in memory as long as there is room for the next: a model that is larger than memory as a whole is drawn with
 * one network after the other, the least recently used making way.
 */
export class Memory {
  /** The least recently used first. */
  readonly #loaded = new Set<Evictable>();
  readonly #machine: Machine;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(machine = THIS_MACHINE) {
    this.#machine = machine;
  }

  /** Loads one, after what is being loaded. */
  async load<T>(item: Evictable, load: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(async () => {
      await this.#makeRoom(item);
      const loaded = await load();
      this.#loaded.add(item);
      return loaded;
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** It was used just now. */
  touch(item: Evictable): void {
    if (this.#loaded.delete(item)) this.#loaded.add(item);
  }

  remove(item: Evictable): void {
    this.#loaded.delete(item);
  }

  async #makeRoom({ bytes, bytesToLoad }: Evictable): Promise<void> {
    for (const item of [...this.#loaded]) {
      const together = bytes + [...this.#loaded].reduce((sum, { bytes }) => sum + bytes, 0);
      const fits = together < SMALL * this.#machine.total() || bytesToLoad + RESERVE < this.#machine.available();
      if (fits) return;
      if (item.isBusy) continue;
      this.#loaded.delete(item);
      await item.evict();
    }
  }
}
