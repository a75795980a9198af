import type { Clock } from '../clock.ts';

/** So many requests in so many milliseconds, counted for each `key` apart. */
export interface Limit {
  name: string;
  requests: number;
  perMs: number;
}

export const LIMITS = {
  createMessage: { name: 'create-message', requests: 5, perMs: 5_000 },
  editMessage: { name: 'edit-message', requests: 5, perMs: 5_000 },
  deleteMessage: { name: 'delete-message', requests: 5, perMs: 1_000 },
  react: { name: 'react', requests: 1, perMs: 250 },
  typing: { name: 'typing', requests: 5, perMs: 5_000 },
  webhook: { name: 'webhook', requests: 5, perMs: 2_000 },
} as const satisfies Record<string, Limit>;

export interface Allowance {
  allowed: boolean;
  remaining: number;
  /** Milliseconds until the count starts anew. */
  resetAfter: number;
  /** Milliseconds since 1970. */
  resetAt: number;
}

/** Fixed windows: the first request opens one, and it closes by itself. */
export class RateLimits {
  readonly #clock: Clock;
  readonly #windows = new Map<string, { used: number; resetAt: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  take(limit: Limit, key: string): Allowance {
    const now = this.#clock.now();
    const id = `${limit.name}/${key}`;
    let window = this.#windows.get(id);
    if (!window || window.resetAt <= now) {
      window = { used: 0, resetAt: now + limit.perMs };
      this.#windows.set(id, window);
      this.#clock.setTimeout(() => this.#close(id), limit.perMs);
    }
    const allowed = window.used < limit.requests;
    if (allowed) window.used += 1;
    const { resetAt } = window;
    return { allowed, remaining: limit.requests - window.used, resetAfter: resetAt - now, resetAt };
  }

  #close(id: string): void {
    const window = this.#windows.get(id);
    if (window && window.resetAt <= this.#clock.now()) this.#windows.delete(id);
  }
}
