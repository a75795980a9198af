import type { Clock } from './clock.ts';

const DISCORD_EPOCH = 1_420_070_400_000;
const IDS_PER_MILLISECOND = 4096n;

/** Discord's ids: milliseconds since 2015 in the upper bits, a counter in the lower 22; each larger than the last. */
export class Snowflakes {
  #last = 0n;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  next(): string {
    const earliest = BigInt(this.#clock.now() - DISCORD_EPOCH) << 22n;
    this.#last = earliest > this.#last ? earliest : this.#last + (1n << 22n) / IDS_PER_MILLISECOND;
    return this.#last.toString();
  }
}

/** Milliseconds since 1970 at which `id` was given. */
export const snowflakeTime = (id: string): number => Number(BigInt(id) >> 22n) + DISCORD_EPOCH;

/** Oldest first. */
export const bySnowflake = (a: string, b: string): number => (BigInt(a) < BigInt(b) ? -1 : 1);
