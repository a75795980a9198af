import { ButtonStyle, ComponentType, Routes } from 'discord-api-types/v10';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startBot } from '../../src/bot/bot.ts';
import { createRest } from '../../src/discord/rest.ts';
import { InputError } from '../../src/errors.ts';
import type { DrawQueue } from '../../src/queue/draw-queue.ts';
import type { Person } from '../../src/sandbox/people.ts';
import { Channel } from './channel.ts';

const EPHEMERAL = 64;

/** A queue that has broken down. */
const queue: DrawQueue = {
  add: () => Promise.reject(new Error('connect ECONNREFUSED')),
  position: () => Promise.reject(new Error('connect ECONNREFUSED')),
  counts: () => Promise.reject(new Error('connect ECONNREFUSED')),
  cancel: () => Promise.reject(new TypeError('undefined is not a function')),
  close: async () => {},
};
vi.mock('../../src/queue/draw-queue.ts', async (original) => ({
  ...(await original<object>()),
  openDrawQueue: async () => queue,
}));

let channel: Channel;
let robin: Person;
beforeAll(async () => {
  channel = await Channel.open();
  robin = channel.discord.people.robin;
});
afterAll(() => channel?.close());

test('a queue that takes no jobs is told to the person, and nothing stays in the channel', async () => {
  await channel.command(robin, 'imagine', { prompt: 'red heart' });
  const told = await channel.newest(robin, { flags: EPHEMERAL });
  expect(told.content).toMatch(/^⚠️ The queue doesn't answer, so nothing will be drawn. Please try again in a minute./);
  await vi.waitFor(() => expect(robin.messages(channel.discord.channelId)).toHaveLength(1));
  const errorId = /`(\w+)`/.exec(told.content)![1]!;
  expect(channel.logged.find((line) => line.includes(errorId))).toContain('connect ECONNREFUSED');
});

test('a defect is apologised for, logged, and the bot goes on', async () => {
  const { id } = await post(`unclip1:cancel:${robin.id}`);
  const button = (await channel.newest(robin, { id }))!;
  channel.press(robin, button, 'Press');
  const told = await channel.newest(robin, /^💥 Sorry, that went wrong on our side/);
  expect(told.flags).toBe(EPHEMERAL);
  const errorId = /`(\w+)`/.exec(told.content)![1]!;
  expect(channel.logged.find((line) => line.includes(errorId))).toContain('undefined is not a function');

  await channel.command(robin, 'imagine', { prompt: ' ' });
  await channel.newest(robin, /prompt must not be empty/);
});

test('a button of another version says so', async () => {
  const { id } = await post('unclip0:explode');
  channel.press(robin, await channel.newest(robin, { id }), 'Press');
  await channel.newest(robin, /this button is of another version of the bot/);
});

test('a wrong token and an address where no Discord is are wrong input', async () => {
  const [id] = channel.discord.token.split('.');
  await expect(startBot({ ...channel.config, discordToken: `${id}.wrong.token` }, channel)).rejects.toThrow(InputError);
  const discordApiUrl = 'http://127.0.0.1:9/api';
  const nowhere = startBot({ ...channel.config, discordApiUrl }, channel);
  await expect(nowhere).rejects.toThrow(/Discord can't be reached/);
  await expect(nowhere).rejects.toThrow(InputError);
});

async function post(customId: string): Promise<{ id: string }> {
  const button = { type: ComponentType.Button, style: ButtonStyle.Secondary, label: 'Press', custom_id: customId };
  const body = { content: 'a message', components: [{ type: ComponentType.ActionRow, components: [button] }] };
  const sent = await createRest(channel.discord).post(Routes.channelMessages(channel.discord.channelId), { body });
  return sent as { id: string };
}
