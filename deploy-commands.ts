import { Command } from 'commander';
import { commands } from './src/bot/commands/index.ts';
import { applicationOf, registerCommands } from './src/bot/commands/register.ts';
import { inviteUrl } from './src/bot/requirements.ts';
import { requireToken } from './src/cli/require-token.ts';
import { loadConfig } from './src/config.ts';
import { createRest } from './src/discord/rest.ts';

export const deployCommands = new Command('deploy-commands')
  .description(
    `Register the slash commands (${[...commands.keys()].map((name) => `/${name}`).join(', ')}) with Discord: everywhere, ` +
      'or with DISCORD_GUILD_ID only in that server. Needed after an update that changes them.',
  )
  .action(async () => {
    const { discordToken, discordApiUrl, discordGuildId } = requireToken(loadConfig());
    const rest = createRest({ token: discordToken, apiUrl: discordApiUrl });
    const { id, name } = await applicationOf(rest);
    const names = await registerCommands(rest, id, discordGuildId);
    const where = discordGuildId === undefined ? 'everywhere' : `in server ${discordGuildId}`;
    console.log(`Registered ${names.map((command) => `/${command}`).join(', ')} of ${name} ${where}.`);
    console.log(`Invite it: ${inviteUrl(id)}`);
  });
