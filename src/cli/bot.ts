import { Command } from 'commander';
import { startBot } from '../bot/bot.ts';
import { loadConfig } from '../config.ts';
import { createLog } from '../log.ts';
import { requireToken } from './require-token.ts';
import { serve } from './serve.ts';

export const bot = new Command('bot')
  .description('Run the bot alone: answers commands, buttons and reactions, and puts jobs into the queue.')
  .action(async () => {
    const config = requireToken(loadConfig());
    const log = createLog('bot', config);
    await serve(log, () => startBot(config, { log }));
  });
