import { once } from 'node:events';
import {
  ActionRowBuilder,
  ButtonBuilder,
  ButtonStyle,
  Client,
  Events,
  GatewayIntentBits,
  type Interaction,
  MessageFlags,
  SlashCommandBuilder,
} from 'discord.js';
import sharp from 'sharp';
import type { LocalDiscord } from '../../src/sandbox/local-discord.ts';

const STYLES = ['oil painting', 'pixel art', 'watercolour'];

const COMMANDS = [
  new SlashCommandBuilder()
    .setName('imagine')
    .setDescription('Draws pictures')
    .addStringOption((o) => o.setName('prompt').setDescription('What to draw').setRequired(true).setMaxLength(50))
    .addIntegerOption((o) => o.setName('seed').setDescription('Start of the noise').setMinValue(0))
    .addStringOption((o) => o.setName('style').setDescription('How').setAutocomplete(true)),
  new SlashCommandBuilder()
    .setName('blend')
    .setDescription('Mixes two pictures')
    .addAttachmentOption((o) => o.setName('image1').setDescription('The first').setRequired(true))
    .addAttachmentOption((o) => o.setName('image2').setDescription('The second').setRequired(true)),
  new SlashCommandBuilder().setName('slow').setDescription('Never answers'),
];

export const picture = (colour: string) =>
  sharp({ create: { width: 16, height: 16, channels: 4, background: colour } })
    .png()
    .toBuffer();

/** A small bot that answers at once, for tests of the page. */
export async function startSampleBot(discord: LocalDiscord): Promise<Client> {
  const client = new Client({ intents: [GatewayIntentBits.Guilds], rest: { api: discord.apiUrl } });
  client.on(Events.InteractionCreate, answer);
  await Promise.all([once(client, Events.ClientReady), client.login(discord.token)]);
  await client.application!.commands.set(COMMANDS);
  return client;
}

async function answer(interaction: Interaction): Promise<void> {
  if (interaction.isAutocomplete()) {
    const typed = interaction.options.getFocused();
    await interaction.respond(
      STYLES.filter((s) => s.includes(typed)).map((s) => ({ name: s, value: s.toUpperCase() })),
    );
  } else if (interaction.isButton()) {
    await interaction.reply({ content: `${interaction.customId} is not yours`, flags: MessageFlags.Ephemeral });
  } else if (interaction.isChatInputCommand() && interaction.commandName !== 'slow') {
    await interaction.deferReply();
    const given = interaction.options.data.map(({ name, value, attachment }) => `${name}=${attachment?.name ?? value}`);
    const colours = ['red', 'gold', 'teal', 'navy'];
    const files = colours.map(async (colour) => ({
      attachment: await picture(colour),
      name: `${colour}.png`,
      description: `${colour} picture`,
    }));
    const button = new ButtonBuilder().setCustomId('delete').setLabel('Delete').setStyle(ButtonStyle.Danger);
    const row = new ActionRowBuilder<ButtonBuilder>().addComponents(button);
    await interaction.editReply({ content: given.join(' · '), files: await Promise.all(files), components: [row] });
  }
}
