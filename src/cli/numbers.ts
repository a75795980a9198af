import { InvalidArgumentError } from 'commander';

/** Parses an option's whole number. */
export const wholeNumber =
  (min: number, max: number = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const number = numberOf(text);
    if (Number.isInteger(number) && number >= min && number <= max) return number;
    const range = max === Number.MAX_SAFE_INTEGER ? `, ${min} or more` : ` from ${min} to ${max}`;
    throw new InvalidArgumentError(`It must be a whole number${range}.`);
  };

/** Parses an option's number above 0. */
export function positive(text: string): number {
  const number = numberOf(text);
  if (Number.isFinite(number) && number > 0) return number;
  throw new InvalidArgumentError('It must be a positive number.');
}

/** NaN where it's none; JavaScript takes nothing for 0. */
const numberOf = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text));
