import type { Command } from 'commander';
import { InputError } from '../errors.ts';

/** Options of ours that mean something to npm, too. */
const ALSO_NPMS = new Set(['--json', '--only', '--python']);

/** Those of ours that npm takes for the beginning of one of its own, and what it makes of them. */
const AS_NPM_READS: Readonly<Record<string, string>> = {
  '--to': 'token_description',
  '--format': 'format_package_lock',
};

/** Whether npm has an option of that name from the command line; it takes `--no-x` for an `x` that is empty. */
function hasKept(long: string): boolean {
  const name = AS_NPM_READS[long] ?? long.replace(/^--(no-)?/, '').replaceAll('-', '_');
  const kept = process.env[`npm_config_${name}`];
  return kept !== undefined && long.startsWith('--no-') === (kept === '');
}

/**
 * npm keeps options that don't stand behind `--` for itself, and hands on their values as words: a prompt would grow longer,
 * or a training begin elsewhere, in silence.
 * @param argv  of the process
 * @throws InputError that says how to write it
 */
export function refuseOptionsThatNpmKept(program: Command, argv: readonly string[]): void {
  const { command, names } = calledCommand(program, argv.slice(2));
  const kept = command.options
    .flatMap(({ long }) => (long ? [long] : []))
    .filter((long) => !ALSO_NPMS.has(long) && hasKept(long));
  if (kept.length === 0) return;
  // the script that npm was asked for
  const { npm_lifecycle_event: script = 'unclip' } = process.env;
  const words = names[0] === script ? names.slice(1) : names;
  throw new InputError(
    `npm kept ${kept.join(', ')} for itself: write -- after the name of the script, ${['npm run', script, '--', ...words, kept[0]].join(' ')} …`,
  );
}

function calledCommand(program: Command, words: readonly string[]): { command: Command; names: readonly string[] } {
  let command = program;
  const names: string[] = [];
  for (const word of words) {
    const next = command.commands.find((it) => it.name() === word);
    if (!next) break;
    command = next;
    names.push(word);
  }
  return { command, names };
}
