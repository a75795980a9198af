import { blend } from './blend.ts';
import { indexCommands } from './command.ts';
import { imagine } from './imagine.ts';
import { inpaint } from './inpaint.ts';
import { interpolate } from './interpolate.ts';
import { modify } from './modify.ts';
import { restyle } from './restyle.ts';
import { variations } from './variations.ts';

/** Every slash command of the bot, by name. */
export const commands = indexCommands([imagine, variations, modify, blend, interpolate, inpaint, restyle]);
