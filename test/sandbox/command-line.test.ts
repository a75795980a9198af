import type { APIApplicationCommand } from 'discord-api-types/v10';
import { describe, expect, test } from 'vitest';
import { checkText, checkValue, invocables, parseCommandLine } from '../../src/sandbox/command-line.ts';

const command = (name: string, options: object[]) =>
  ({ id: '1', name, description: name, options }) as unknown as APIApplicationCommand;

const known = invocables([
  command('imagine', [
    { type: 3, name: 'prompt', description: 'words', required: true },
    { type: 4, name: 'seed', description: 'noise', min_value: 0 },
  ]),
  command('style', [
    { type: 1, name: 'list', description: 'all' },
    {
      type: 2,
      name: 'mine',
      description: 'own',
      options: [{ type: 1, name: 'add', description: 'one', options: [{ type: 3, name: 'name', description: 'n' }] }],
    },
  ]),
]);

const parse = (line: string) => {
  const typed = parseCommandLine(line, known);
  return typed && [typed.invocable.name, Object.fromEntries(typed.texts)];
};

describe('a typed line', () => {
  test.each([
    ['/imagine prompt: red heart seed: 5', ['imagine', { prompt: 'red heart', seed: '5' }]],
    ['/imagine prompt:red heart seed:5', ['imagine', { prompt: 'red heart', seed: '5' }]],
    ['/imagine seed: 5 prompt: a: b and unknown: c', ['imagine', { seed: '5', prompt: 'a: b and unknown: c' }]],
    ['/imagine red heart seed: 5', ['imagine', { prompt: 'red heart', seed: '5' }]],
    ['/imagine', ['imagine', {}]],
    ['/style mine add name: ink', ['style mine add', { name: 'ink' }]],
    ['/style list', ['style list', {}]],
    ['/imagined prompt: x', undefined],
    ['imagine prompt: x', undefined],
  ])('%s', (line, expected) => {
    expect(parse(line)).toEqual(expected);
  });
});

describe('values are checked as the definition says and no further', () => {
  const option = (fields: object) => ({ name: 'x', description: 'x', ...fields }) as never;

  test.each([
    [{ type: 4 }, '-7', { value: -7 }],
    [{ type: 4 }, '1.5', { problem: 'Input a valid integer' }],
    [{ type: 4 }, 'abc', { problem: 'Input a valid integer' }],
    [{ type: 4, min_value: 1 }, '0', { problem: 'Use a number of at least 1' }],
    [{ type: 4 }, '99999999999999999999', { problem: 'Use a number of at most 9007199254740992' }],
    [{ type: 10 }, '.5', { value: 0.5 }],
    [{ type: 10 }, 'NaN', { problem: 'Input a valid number' }],
    [{ type: 10, max_value: 20 }, '20.1', { problem: 'Use a number of at most 20' }],
    [{ type: 5 }, 'True', { value: true }],
    [{ type: 5 }, 'maybe', { problem: 'Choose True or False' }],
    [{ type: 3, choices: [{ name: 'Big', value: 'b' }] }, 'big', { value: 'b' }],
    [{ type: 3, choices: [{ name: 'Big', value: 'b' }] }, 'huge', { problem: 'Choose one of the options in the list' }],
    [{ type: 3, max_length: 3 }, 'four', { problem: 'Use at most 3 characters, not 4' }],
    [{ type: 3 }, '-1', { value: '-1' }],
  ])('%j takes %s as %j', (fields, text, expected) => {
    expect(checkText(option(fields), text)).toEqual(expected);
  });

  test('a number that JSON could not carry is no number', () => {
    expect(checkValue(option({ type: 10 }), Number.NaN)).toEqual({ problem: 'Input a valid number' });
  });
});
