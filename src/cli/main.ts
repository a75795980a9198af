import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError, type Option } from 'commander';
import { PROJECT_ROOT } from '../config.ts';
import { InputError } from '../errors.ts';
import { refuseOptionsThatNpmKept } from './npm-options.ts';

/** Commands are imported when called: `imagine` needs no discord.js, `bot` no onnxruntime. */
const COMMANDS: Record<string, () => Promise<Command>> = {
  start: async () => (await import('./start.ts')).start,
  bot: async () => (await import('./bot.ts')).bot,
  engine: async () => (await import('./engine.ts')).engine,
  imagine: async () => (await import('./imagine.ts')).imagine,
  variations: async () => (await import('./operations.ts')).variations,
  blend: async () => (await import('./operations.ts')).blend,
  interpolate: async () => (await import('./operations.ts')).interpolate,
  modify: async () => (await import('./operations.ts')).modify,
  inpaint: async () => (await import('./operations.ts')).inpaint,
  img2img: async () => (await import('./operations.ts')).img2img,
  reconstruct: async () => (await import('./operations.ts')).reconstruct,
  upscale: async () => (await import('./operations.ts')).upscale,
  pca: async () => (await import('./operations.ts')).pca,
  data: async () => (await import('./data.ts')).data,
  train: async () => (await import('./train.ts')).train,
  models: async () => (await import('./models.ts')).models,
  verify: async () => (await import('./verify.ts')).verify,
  bench: async () => (await import('./bench.ts')).bench,
  'deploy-commands': async () => (await import('../../deploy-commands.ts')).deployCommands,
};

/**
 * Runs the command line. Exit codes: 0 done, 1 failed, 2 wrong input (the message on stderr says what would be right).
 */
export async function main(argv: readonly string[]): Promise<void> {
  process.stdout.on('error', endWithReader);
  const program = new Command('unclip')
    .description('Text to pictures with unCLIP, in Discord or on the command line.')
    .version(JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8')).version);
  const wanted = argv[2] !== undefined && argv[2] in COMMANDS ? [argv[2]] : Object.keys(COMMANDS);
  for (const name of wanted) program.addCommand(await COMMANDS[name]!());
  for (const command of everyCommand(program)) {
    command.exitOverride().showHelpAfterError('(--help lists the options)');
    for (const option of command.options) option.defaultValueDescription ??= defaultAsTyped(option);
  }
  try {
    refuseOptionsThatNpmKept(program, argv);
    await program.parseAsync(argv);
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** Who reads what is written has read enough, as `head` does: no fault of ours. */
function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
}

/** A default as it would be typed; commander itself shows it as JSON. */
function defaultAsTyped({ defaultValue }: Option): string | undefined {
  return defaultValue === undefined ? undefined : String(defaultValue);
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

function report(error: unknown): number {
  // commander has printed its own message; help and version end with code 0
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof InputError) {
    process.stderr.write(`error: ${error.message}\n`);
    return 2;
  }
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  return 1;
}
