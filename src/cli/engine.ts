import { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { startEngine } from '../engine/service/engine.ts';
import { createLog } from '../log.ts';
import { requireToken } from './require-token.ts';
import { serve } from './serve.ts';

export const engine = new Command('engine')
  .description(
    'Run the engine alone: takes jobs from the queue, draws, and posts the pictures. Start as many as you like.',
  )
  .action(async () => {
    const config = requireToken(loadConfig());
    const log = createLog('engine', config);
    await serve(log, () => startEngine(config, log));
  });
