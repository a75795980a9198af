import type { Logger } from 'pino';
import type { DrawQueue } from '../queue/draw-queue.ts';
import type { RecentPrompts } from './commands/recent-prompts.ts';

/** What every command, button and reaction may use. */
export interface BotContext {
  readonly queue: DrawQueue;
  readonly recentPrompts: RecentPrompts;
  readonly log: Logger;
}
