import { DiscordAPIError } from '@discordjs/rest';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import type { Command } from '../../src/bot/commands/command.ts';
import { indexCommands } from '../../src/bot/commands/command.ts';
import { commands } from '../../src/bot/commands/index.ts';
import { pictureSource } from '../../src/bot/commands/picture-source.ts';
import { promptChoices } from '../../src/bot/commands/prompt-choices.ts';
import { RecentPrompts } from '../../src/bot/commands/recent-prompts.ts';
import { answerToError } from '../../src/bot/failures.ts';
import { inviteUrl, PERMISSIONS } from '../../src/bot/requirements.ts';
import { InputError } from '../../src/errors.ts';

describe('the list of commands', () => {
  const execute = async () => {};
  const data = { name: 'draw', description: 'Draws' };
  const option = { name: 'what', description: 'What', type: 3, autocomplete: true };

  test('has ours, for servers, direct messages and everywhere else', () => {
    expect([...commands.keys()]).toEqual([
      'imagine',
      'variations',
      'modify',
      'blend',
      'interpolate',
      'inpaint',
      'restyle',
    ]);
    for (const { data } of commands.values()) {
      expect(data).toMatchObject({ integration_types: [0, 1], contexts: [0, 1, 2] });
    }
  });

  test.each([
    ['nothing', undefined, 'command number 1: expected an object { data, execute, autocomplete? }'],
    ['no data', { execute }, 'command number 1: expected an object { data, execute, autocomplete? }'],
    ['a bad name', { data: { ...data, name: 'Draw me' }, execute }, 'data.name must be 1 to 32 lower-case letters'],
    ['no description', { data: { name: 'draw' }, execute }, 'command draw: data.description must have 1 to 100'],
    ['nothing to execute', { data }, 'command draw: execute must be a function, found undefined'],
    ['choices from nowhere', { data: { ...data, options: [option] }, execute }, 'option what has autocomplete, the'],
    ['choices for nobody', { data, execute, autocomplete: execute }, 'has autocomplete, but no option asks for it'],
  ])('refuses a module with %s by name', (_what, command, message) => {
    expect(() => indexCommands([command as unknown as Command])).toThrow(message);
  });

  test('refuses two of one name', () => {
    const command = { data, execute } as Command;
    expect(() => indexCommands([command, command])).toThrow('command draw: there are two of that name');
  });
});

describe('choices', () => {
  test('are at most 25 of at most 100 characters, each once, the own ones first', () => {
    const recent = ['red heart', ...Array.from({ length: 30 }, (_, i) => `heart ${i}`), 'x'.repeat(101)];
    const choices = promptChoices('', recent);
    expect(choices).toHaveLength(25);
    expect(choices[0]).toEqual({ name: 'red heart', value: 'red heart' });
    expect(new Set(choices.map(({ value }) => value)).size).toBe(25);
    expect(promptChoices('x', recent)).not.toContainEqual(expect.objectContaining({ value: 'x'.repeat(101) }));
    expect(promptChoices(' RED h', recent)[0]?.value).toBe('red heart');
    expect(promptChoices('Red heart ', recent)).toEqual([]);
  });

  test('remember the latest ten prompts of the latest thousand people', () => {
    const prompts = new RecentPrompts();
    for (let i = 0; i < 12; i++) prompts.add('robin', `prompt ${i}`);
    prompts.add('robin', 'prompt 5');
    prompts.add('robin', 'x'.repeat(101));
    expect(prompts.of('robin').slice(0, 2)).toEqual(['prompt 5', 'prompt 11']);
    expect(prompts.of('robin')).toHaveLength(10);
    for (let i = 0; i < 1000; i++) prompts.add(String(i), 'a');
    expect(prompts.of('robin')).toEqual([]);
    expect(prompts.of('999')).toEqual(['a']);
  });
});

test.each([
  [404, 10062],
  [400, 40060],
  [404, 10008],
  [401, 50027],
  [403, 50001],
])('an interaction that Discord has closed (%i, %i) needs no answer and is no error', (status, code) => {
  const lines: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
  const url = 'https://discord.com/api/v10/interactions/1/secret/callback';
  const request = { body: undefined, files: undefined };
  const error = new DiscordAPIError({ code, message: 'closed' }, code, status, 'POST', url, request);
  expect(answerToError(error, log)).toBeUndefined();
  expect(lines.join()).not.toContain('secret');
  expect(JSON.parse(lines[0]!).level).toBeLessThan(50);
});

test('a picture file that the engine would refuse anyway is refused at once', () => {
  const attachment = { url: 'https://cdn/a.png', name: 'a.png', contentType: 'image/png', size: 25 * 2 ** 20 };
  expect(pictureSource('image1', attachment)).toEqual({ url: 'https://cdn/a.png', name: 'a.png' });
  expect(() => pictureSource('image1', { ...attachment, size: 26.5 * 2 ** 20 })).toThrow(
    new InputError('image1: a.png has 26.5 MiB: attach a picture of at most 25.0 MiB'),
  );
});

test('the invitation names the application and what the bot needs', () => {
  const url = new URL(inviteUrl('123'));
  expect(Object.fromEntries(url.searchParams)).toEqual({
    client_id: '123',
    scope: 'bot applications.commands',
    permissions: String(PERMISSIONS.reduce((all, one) => all | one)),
  });
});
