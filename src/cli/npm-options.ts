import type { Command } from 'commander';
import { InputError } from '../errors.ts';

/** Options of ours that mean something to npm, too. */
const ALSO_NPMS = new Set(['--json']);

/**
 * npm keeps options that don't stand behind `--` for itself, and hands on their values as words: a prompt would grow longer
 * in silence.
 * @throws InputError that says how to write it
 */
export function refuseOptionsThatNpmKept({ options }: Command): void {
  const kept = options
    .flatMap(({ long }) => (long ? [long] : []))
    .filter((long) => !ALSO_NPMS.has(long))
    .filter((long) => process.env[`npm_config_${long.slice(2).replaceAll('-', '_')}`] !== undefined);
  if (kept.length === 0) return;
  throw new InputError(
    `npm kept ${kept.join(', ')} for itself: write -- before the options, npm run imagine -- "red heart" ${kept[0]} …`,
  );
}
