import { once } from 'node:events';
import {
  ActionRowBuilder,
  ButtonBuilder,
  type ButtonInteraction,
  ButtonStyle,
  type ChatInputCommandInteraction,
  Client,
  ContainerBuilder,
  Events,
  GatewayIntentBits,
  type Interaction,
  MediaGalleryBuilder,
  type MessageCreateOptions,
  MessageFlags,
  Partials,
  REST,
  Routes,
  SlashCommandBuilder,
  TextDisplayBuilder,
} from 'discord.js';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type LocalDiscord, startLocalDiscord } from '../../src/sandbox/local-discord.ts';
import { ManualClock } from './manual-clock.ts';

const imagine = new SlashCommandBuilder()
  .setName('imagine')
  .setDescription('Draws four pictures')
  .addStringOption((option) =>
    option.setName('prompt').setDescription('What to draw').setRequired(true).setMaxLength(100),
  )
  .addIntegerOption((option) => option.setName('seed').setDescription('Start of the noise').setAutocomplete(true))
  .addAttachmentOption((option) => option.setName('image').setDescription('A picture to begin with'));

let clock: ManualClock;
let discord: LocalDiscord;
let client: Client;

beforeEach(async () => {
  clock = new ManualClock();
  discord = await startLocalDiscord({ clock });
  client = newClient();
  await Promise.all([once(client, Events.ClientReady), client.login(discord.token)]);
});
afterEach(async () => {
  await client.destroy();
  await discord.close();
});

function newClient(): Client {
  return new Client({
    intents: [
      GatewayIntentBits.Guilds,
      GatewayIntentBits.GuildMessages,
      GatewayIntentBits.GuildMessageReactions,
      GatewayIntentBits.DirectMessages,
    ],
    partials: [Partials.Message, Partials.Channel, Partials.Reaction],
    rest: { api: discord.apiUrl },
  });
}

async function register(body: { toJSON(): unknown }[] = [imagine]): Promise<string> {
  const commands = await client.application!.commands.set(body as never);
  return commands.first()!.id;
}

const next = async <T extends Interaction>(): Promise<T> => (await once(client, Events.InteractionCreate))[0] as T;

async function use(values: Record<string, string | number> = { prompt: 'red heart' }, channelId = discord.channelId) {
  const commandId = await register();
  const arrived = next<ChatInputCommandInteraction>();
  discord.people.robin.command({ channelId, commandId, path: [], values });
  return arrived;
}

const picture = (colour: string) =>
  sharp({ create: { width: 8, height: 4, channels: 4, background: colour } })
    .png()
    .toBuffer();

const codeOf = (code: number) => expect.objectContaining({ code });
const row = (...ids: string[]) =>
  new ActionRowBuilder<ButtonBuilder>().addComponents(
    ids.map((id) => new ButtonBuilder().setCustomId(id).setLabel(id).setStyle(ButtonStyle.Secondary)),
  );

test('the bot finds itself, its guild and its channel', async () => {
  expect(client.user!.id).toBe(discord.applicationId);
  const guild = client.guilds.cache.get(discord.guildId)!;
  expect(guild.channels.cache.get(discord.channelId)?.name).toBe('pictures');
  expect(guild.members.me!.permissionsIn(discord.channelId).has('AttachFiles')).toBe(true);
  expect((await client.application!.fetch()).id).toBe(discord.applicationId);
});

describe('slash commands', () => {
  test('are registered as a set, one by one, changed and deleted', async () => {
    await register();
    const { commands } = client.application!;
    const other = await commands.create({ name: 'blend', description: 'Mixes two' });
    await commands.edit(other.id, { description: 'Mixes two pictures' });
    expect((await commands.fetch(other.id)).description).toBe('Mixes two pictures');
    await commands.delete(other.id);
    expect((await commands.fetch()).map(({ name }) => name)).toEqual(['imagine']);
  });

  test('with an unusable name or order of options are refused with the place of the fault', async () => {
    const rest = new REST({ api: discord.apiUrl }).setToken(discord.token);
    const body = [
      { name: 'Imagine', description: '', options: [{ type: 3, name: 'a', description: 'x'.repeat(101) }] },
    ];
    await expect(rest.put(Routes.applicationCommands(discord.applicationId), { body })).rejects.toMatchObject({
      status: 400,
      code: 50035,
      rawError: { errors: { 0: { options: { 0: { description: { _errors: expect.anything() } } } } } },
    });
  });

  test('reach the bot with their options and attachments', async () => {
    const file = await discord.people.robin.upload(
      { filename: 'my heart.png', bytes: await picture('red') },
      discord.channelId,
    );
    const interaction = await use({ prompt: 'red heart', seed: 7, image: file.id });
    expect(interaction.options.getString('prompt')).toBe('red heart');
    expect(interaction.options.getInteger('seed')).toBe(7);
    const attachment = interaction.options.getAttachment('image')!;
    expect(attachment).toMatchObject({
      name: 'my_heart.png',
      contentType: 'image/png',
      width: 8,
      height: 4,
      ephemeral: true,
    });
    expect(interaction.user.globalName).toBe('Robin');
    expect(interaction.attachmentSizeLimit).toBe(10 * 1024 * 1024);
    const bytes = Buffer.from(await (await fetch(attachment.url)).arrayBuffer());
    expect(await sharp(bytes).metadata()).toMatchObject({ format: 'png', width: 8 });
  });

  test('ask the bot for choices while somebody types', async () => {
    const commandId = await register();
    const arrived = next();
    const updates: unknown[] = [];
    discord.people.robin.listen((update) => updates.push(update));
    const where = { channelId: discord.channelId, commandId, path: [] };
    const interactionId = discord.people.robin.autocomplete({
      ...where,
      values: { prompt: 'x', seed: '4' },
      focused: 'seed',
    });
    const interaction = await arrived;
    if (!interaction.isAutocomplete()) throw new Error('no autocomplete');
    expect(interaction.options.getFocused()).toBe('4');
    await interaction.respond([{ name: 'forty-two', value: 42 }]);
    expect(updates).toContainEqual({ type: 'choices', interactionId, choices: [{ name: 'forty-two', value: 42 }] });
  });

  test('that the definition forbids never reach the bot; what only the bot could know does', async () => {
    const commandId = await register();
    const where = { channelId: discord.channelId, commandId, path: [] };
    const { robin } = discord.people;
    expect(() => robin.command({ ...where, values: {} })).toThrow('prompt: This option is required');
    expect(() => robin.command({ ...where, values: { prompt: 'x'.repeat(101) } })).toThrow('at most 100 characters');
    expect(() => robin.command({ ...where, values: { prompt: 'x', seed: 1.5 } })).toThrow('valid integer');
    const arrived = next<ChatInputCommandInteraction>();
    robin.command({ ...where, values: { prompt: '   ', seed: -1 } });
    expect((await arrived).options.getString('prompt')).toBe('   ');
  });
});

describe('answers to an interaction', () => {
  test('thinking, progress, pictures, and the message as everybody sees it', async () => {
    const interaction = await use();
    await interaction.deferReply();
    const { robin, kim } = discord.people;
    expect(kim.messages(discord.channelId).at(-1)!.flags! & MessageFlags.Loading).toBeTruthy();
    await interaction.editReply('drawing 50 %');
    const files = [
      { attachment: await picture('red'), name: 'one.png', description: 'a red heart' },
      { attachment: await picture('blue'), name: 'two.png' },
    ];
    const message = await interaction.editReply({ content: 'done', files, components: [row('vary', 'again')] });
    expect(message.attachments.map(({ name, description, width }) => [name, description, width])).toEqual([
      ['one.png', 'a red heart', 8],
      ['two.png', null, 8],
    ]);
    const seen = robin.messages(discord.channelId).at(-1)!;
    expect(seen).toMatchObject({
      content: 'done',
      flags: 0,
      interaction: { name: 'imagine', user: { username: 'robin' } },
    });

    const [first] = message.attachments.values();
    const edited = await interaction.editReply({
      attachments: [first!],
      files: [{ attachment: await picture('green'), name: 'three.png' }],
    });
    expect(edited.attachments.map(({ name }) => name)).toEqual(['one.png', 'three.png']);
    expect(edited.content).toBe('done');
    const status = async () => (await fetch(seen.attachments[1]!.url)).status;
    expect(await status()).toBe(200);
    clock.advance(10_000);
    await expect.poll(status).toBe(404);
  });

  test('a second acknowledgement is 40060, one after three seconds 10062', async () => {
    const twice = await use();
    await twice.reply('one');
    const again = client.rest.post(Routes.interactionCallback(twice.id, twice.token), {
      body: { type: 5 },
      auth: false,
    });
    await expect(again).rejects.toEqual(codeOf(40060));

    const late = await use();
    const updates: unknown[] = [];
    discord.people.robin.listen((update) => updates.push(update));
    clock.advance(3_001);
    expect(updates).toContainEqual(
      expect.objectContaining({
        interaction: expect.objectContaining({ id: late.id, state: 'failed', commandName: 'imagine' }),
      }),
    );
    await expect(late.reply('late')).rejects.toEqual(codeOf(10062));
  });

  test('the token dies after fifteen minutes; the channel message can still be edited with the bot token', async () => {
    const interaction = await use();
    await interaction.deferReply();
    const { id } = await interaction.fetchReply();
    clock.advance(15 * 60_000);
    await interaction.editReply('just in time');
    clock.advance(1);
    await expect(interaction.editReply('too late')).rejects.toMatchObject({ status: 401, code: 50027 });
    await client.rest.patch(Routes.channelMessage(discord.channelId, id), { body: { content: 'by the bot' } });
    expect(discord.people.kim.messages(discord.channelId).at(-1)!.content).toBe('by the bot');
  });

  test('an ephemeral answer is seen by one person and out of the bot token’s reach', async () => {
    const interaction = await use();
    await interaction.reply({ content: 'only you', flags: MessageFlags.Ephemeral });
    const reply = await interaction.fetchReply();
    expect(discord.people.robin.messages(discord.channelId).map(({ content }) => content)).toEqual(['only you']);
    expect(discord.people.kim.messages(discord.channelId)).toEqual([]);
    const route = Routes.channelMessage(discord.channelId, reply.id);
    await expect(client.rest.get(route)).rejects.toEqual(codeOf(10008));
    await expect(client.rest.patch(route, { body: { content: 'x' } })).rejects.toEqual(codeOf(10008));
    await interaction.editReply('changed by its token');
    await interaction.deleteReply();
    await expect(interaction.editReply('gone')).rejects.toEqual(codeOf(10008));
  });

  test('before the acknowledgement the webhook is unknown', async () => {
    const interaction = await use();
    const route = Routes.webhook(interaction.applicationId, interaction.token);
    await expect(client.rest.post(route, { body: { content: 'x' }, auth: false })).rejects.toEqual(codeOf(10015));
  });

  test('a form reaches the person and its text the bot', async () => {
    const interaction = await use();
    const updates: { type: string; interactionId?: string }[] = [];
    discord.people.robin.listen((update) => updates.push(update));
    const input = { type: 4, custom_id: 'text', label: 'Change', style: 1 };
    await client.rest.post(Routes.interactionCallback(interaction.id, interaction.token), {
      auth: false,
      body: { type: 9, data: { custom_id: 'modify', title: 'Modify', components: [{ type: 1, components: [input] }] } },
    });
    const { interactionId } = updates.find(({ type }) => type === 'modal')!;
    const arrived = next();
    discord.people.robin.submitModal({ interactionId: interactionId!, values: { text: 'bluer' } });
    const submit = await arrived;
    if (!submit.isModalSubmit()) throw new Error('no form');
    expect(submit.fields.getTextInputValue('text')).toBe('bluer');
    await submit.reply('ok');
  });
});

describe('buttons', () => {
  async function press(person: 'robin' | 'kim', messageId: string, customId: string) {
    const arrived = next<ButtonInteraction>();
    discord.people[person].component({ messageId, customId });
    return arrived;
  }

  test('carry the whole message, update it, and answer it', async () => {
    const interaction = await use();
    const response = await interaction.reply({ content: 'grid', components: [row('vary')], withResponse: true });
    const { id } = response.resource!.message!;
    const button = await press('kim', id, 'vary');
    expect(button.message.content).toBe('grid');
    expect(button.user.username).toBe('kim');
    expect(button.message.interactionMetadata!.user.username).toBe('robin');
    await button.update({ content: 'varied', components: [] });
    const answer = await button.followUp({ content: 'for Kim', flags: MessageFlags.Ephemeral });
    expect(answer.reference?.messageId).toBe(id);
    expect(discord.people.kim.messages(discord.channelId).map(({ content }) => content)).toEqual(['varied', 'for Kim']);
    expect(discord.people.robin.messages(discord.channelId).map(({ content }) => content)).toEqual(['varied']);
  });

  test('deferring an update leaves the message, and @original is that message', async () => {
    const message = await sendToChannel({ content: 'grid', components: [row('more')] });
    const button = await press('robin', message.id, 'more');
    await button.deferUpdate();
    await button.editReply('edited');
    expect(discord.people.kim.messages(discord.channelId).at(-1)!.content).toBe('edited');
  });
});

async function sendToChannel(body: string | MessageCreateOptions) {
  const channel = await client.channels.fetch(discord.channelId);
  if (!channel?.isSendable()) throw new Error('no channel');
  return channel.send(body);
}

describe('components V2', () => {
  const gallery = () =>
    new ContainerBuilder()
      .addTextDisplayComponents(new TextDisplayBuilder().setContent('**red heart**'))
      .addMediaGalleryComponents(
        new MediaGalleryBuilder().addItems({ media: { url: 'attachment://one.png' }, description: 'a red heart' }),
      );

  test('show attached files, which are then not listed as attachments', async () => {
    const files = [{ attachment: await picture('red'), name: 'one.png' }];
    const message = await sendToChannel({ flags: MessageFlags.IsComponentsV2, components: [gallery()], files });
    expect(message.attachments.size).toBe(0);
    const [container] = message.components;
    const media = (container!.toJSON() as never as { components: { items: { media: Record<string, unknown> }[] }[] })
      .components[1]!.items[0]!.media;
    expect(media).toMatchObject({ width: 8, height: 4, content_type: 'image/png' });
    expect((await fetch(String(media.url))).status).toBe(200);
    await message.edit({ components: [gallery()] });
    expect((await fetch(String(media.url))).status).toBe(200);
  });

  test('exclude content, and need the files they name', async () => {
    await expect(
      sendToChannel({ flags: MessageFlags.IsComponentsV2, content: 'x', components: [gallery()] }),
    ).rejects.toMatchObject({
      rawError: {
        code: 50035,
        errors: { content: { _errors: [{ code: 'MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2' }] } },
      },
    });
    await expect(sendToChannel({ flags: MessageFlags.IsComponentsV2, components: [gallery()] })).rejects.toMatchObject({
      rawError: {
        errors: { components: { _errors: [{ code: 'UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND' }] } },
      },
    });
  });

  test.each([
    [
      '41 components',
      {
        flags: MessageFlags.IsComponentsV2,
        components: Array.from({ length: 41 }, () => ({ type: 10, content: 'x' })),
      },
    ],
    ['a custom id twice', { content: 'x', components: [row('same', 'same').toJSON()] }],
    ['six rows', { content: 'x', components: Array.from({ length: 6 }, (_, i) => row(`b${i}`).toJSON()) }],
    ['a text display without the flag', { content: 'x', components: [{ type: 10, content: 'x' }] }],
    [
      'a custom id of 101 characters',
      {
        content: 'x',
        components: [{ type: 1, components: [{ type: 2, style: 1, label: 'x', custom_id: 'x'.repeat(101) }] }],
      },
    ],
    ['content of 2001 characters', { content: 'x'.repeat(2001) }],
    [
      'a menu of 26 options',
      {
        content: 'x',
        components: [
          {
            type: 1,
            components: [
              {
                type: 3,
                custom_id: 'm',
                options: Array.from({ length: 26 }, (_, i) => ({ label: `${i}`, value: `${i}` })),
              },
            ],
          },
        ],
      },
    ],
  ])('%s is an invalid form', async (_name, body) => {
    const sent = client.rest.post(Routes.channelMessages(discord.channelId), { body });
    await expect(sent).rejects.toMatchObject({ status: 400, code: 50035 });
    expect(discord.people.robin.messages(discord.channelId)).toEqual([]);
  });
});

describe('reactions', () => {
  test('reach the bot for messages it has never seen, by partials', async () => {
    const message = await sendToChannel('grid');
    await message.react('🎲');
    await client.destroy();
    client = newClient();
    await Promise.all([once(client, Events.ClientReady), client.login(discord.token)]);
    const added = once(client, Events.MessageReactionAdd);
    discord.people.kim.react({ messageId: message.id, emoji: '🎲' });
    const [reaction, user] = await added;
    expect(reaction.partial).toBe(true);
    expect(user.id).toBe(discord.people.kim.id);
    const whole = await reaction.fetch();
    expect([whole.count, (await whole.message.fetch()).content]).toEqual([2, 'grid']);
    const removed = once(client, Events.MessageReactionRemove);
    discord.people.kim.unreact({ messageId: message.id, emoji: '🎲' });
    expect((await removed)[1].id).toBe(user.id);
  });

  test('of others are theirs: the bot may take away its own only', async () => {
    const message = await sendToChannel('grid');
    await message.react('🎲');
    clock.advance(250);
    const { id } = discord.people.kim;
    discord.people.kim.react({ messageId: message.id, emoji: '🎲' });
    const path = `${Routes.channelMessage(discord.channelId, message.id)}/reactions/🎲` as const;
    await expect(client.rest.delete(`${path}/${id}`)).rejects.toEqual(codeOf(50013));
    await client.rest.delete(`${path}/@me`);
    expect(discord.people.kim.messages(discord.channelId)[0]!.reactions).toMatchObject([{ count: 1, me: true }]);
  });

  test('nobody hears of them without the intent', async () => {
    const deaf = new Client({ intents: [GatewayIntentBits.Guilds], rest: { api: discord.apiUrl } });
    await Promise.all([once(deaf, Events.ClientReady), deaf.login(discord.token)]);
    const heard: string[] = [];
    deaf.on(Events.Raw as never, ({ t }: { t: string }) => heard.push(t));
    const message = await sendToChannel('grid');
    const added = once(client, Events.MessageReactionAdd);
    discord.people.kim.react({ messageId: message.id, emoji: '❌' });
    await added;
    expect(heard).toEqual([]);
    await deaf.destroy();
  });
});

describe('private channels', () => {
  test('with the bot: its commands work, and it can write there', async () => {
    const { robin } = discord.people;
    const user = await client.users.fetch(robin.id);
    const channel = await user.createDM();
    const interaction = await use({ prompt: 'secret' }, channel.id);
    expect(interaction.inGuild()).toBe(false);
    await interaction.reply('here');
    await channel.send('and here');
    expect(robin.messages(channel.id).map(({ content }) => content)).toEqual(['here', 'and here']);
  });

  test('between people: only commands for user-installed apps, and only the interaction’s token', async () => {
    const { robin } = discord.people;
    const between = robin.channels().find(({ name }) => name === 'Kim')!;
    expect(between.commands).toEqual([]);
    const commandId = await register([
      { ...imagine.toJSON(), integration_types: [0, 1], contexts: [0, 1, 2] } as never,
    ]);
    const arrived = next<ChatInputCommandInteraction>();
    robin.command({ channelId: between.id, commandId, path: [], values: { prompt: 'x' } });
    const interaction = await arrived;
    await interaction.deferReply();
    const reply = await interaction.editReply('done');
    expect(reply.content).toBe('done');
    const route = Routes.channelMessage(between.id, reply.id);
    await expect(client.rest.patch(route, { body: { content: 'x' } })).rejects.toEqual(codeOf(50001));
  });
});
