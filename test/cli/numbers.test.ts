import { InvalidArgumentError } from 'commander';
import { expect, test } from 'vitest';
import { positive, wholeNumber } from '../../src/cli/numbers.ts';

test('numbers of options are read, and what is none or out of range is refused', () => {
  expect([wholeNumber(0)('0'), wholeNumber(1, 3)('3'), positive('1e-4'), positive('0.5')]).toEqual([0, 3, 1e-4, 0.5]);
  for (const text of ['', ' ', '-1', '1.5', 'many', '0x'])
    expect(() => wholeNumber(0)(text)).toThrow('whole number, 0 or more');
  for (const text of ['0', '4'])
    expect(() => wholeNumber(1, 3)(text)).toThrow('It must be a whole number from 1 to 3.');
  for (const text of ['', '0', '-1', 'Infinity', 'fast']) expect(() => positive(text)).toThrow(InvalidArgumentError);
});
