import { blend } from './blend.ts';
import { indexCommands } from './command.ts';
import { imagine } from './imagine.ts';

/** Every slash command of the bot, by name. */
export const commands = indexCommands([imagine, blend]);
