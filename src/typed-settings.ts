import { randomInt } from 'node:crypto';
import type { z } from 'zod';
import { InputError } from './errors.ts';

/** @throws InputError with all that is wrong */
export function parse<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const { data, error } = schema.safeParse(value);
  if (error) throw new InputError(error.issues.map(({ message }) => message).join('; '));
  return data;
}

/** A typed seed as a number where it's one, else as typed, for the schema to refuse; nothing or "random" is a new one. */
export function seed(text: string | null | undefined): number | string {
  const typed = text?.trim() ?? '';
  if (/^(random)?$/i.test(typed)) return randomSeed();
  const number = Number(typed);
  return /^[+-]?\d+$/.test(typed) && Number.isSafeInteger(number) ? number : typed;
}

/** Short enough to read and type; the bot picks it, so that a job that is drawn again after a crash draws the same. */
export function randomSeed(): number {
  return randomInt(2 ** 32);
}

/** A typed number with decimal point or comma, else as typed; undefined where nothing was typed. */
export function decimal(text: string | null | undefined): number | string | undefined {
  const typed = text?.trim() ?? '';
  if (typed === '') return undefined;
  return /^[+-]?(\d+[.,]?\d*|[.,]\d+)$/.test(typed) ? Number(typed.replace(',', '.')) : typed;
}

/**
 * Typed numbers, "1 0.5" or "1,0.5"; between spaces a comma is a decimal one. What is no number stays as typed, for the
 * schema to refuse.
 */
export function numbers(text: string): (number | string | undefined)[] {
  const typed = text.trim();
  const parts = /[\s;]/.test(typed) ? typed.split(/,?[\s;]+/) : typed.split(',');
  return parts.map(decimal);
}

/**
 * Weights of a blend as they are typed: one for each thing, or, of two things, the share of the second from 0 to 1; a
 * comma in that is a decimal one.
 * @param things how many are blended
 */
export function blendWeights(text: string, things: number): (number | string | undefined)[] {
  if (things !== 2 || !/^\s*([01]|0?[.,]\d+)\s*$/.test(text)) return numbers(text);
  const share = decimal(text) as number;
  return [1 - share, share];
}
