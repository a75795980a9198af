import { CHOICE_LENGTH } from '../../discord/limits.ts';

const PROMPTS_PER_PERSON = 10;
const PEOPLE = 1000;

/** What each person drew lately, for autocomplete. Only in memory: a bot has no business to keep what people typed. */
export class RecentPrompts {
  readonly #prompts = new Map<string, readonly string[]>();

  /** Puts a prompt first. One too long for Discord to offer is left out. */
  add(userId: string, prompt: string): void {
    if (prompt.length > CHOICE_LENGTH) return;
    const others = this.of(userId).filter((other) => other !== prompt);
    this.#prompts.delete(userId);
    this.#prompts.set(userId, [prompt, ...others].slice(0, PROMPTS_PER_PERSON));
    const [longestSilent] = this.#prompts.keys();
    if (this.#prompts.size > PEOPLE && longestSilent) this.#prompts.delete(longestSilent);
  }

  /** The latest first. */
  of(userId: string): readonly string[] {
    return this.#prompts.get(userId) ?? [];
  }
}
