import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { lastLines, run } from './training/setup/run.ts';

/** The interpreter of a virtual environment. */
export const pythonOf = (folder: string): string =>
  join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');

/**
 * Makes a virtual environment with some packages, with `python3 -m venv` and pip, which knows from its own settings
 * (PIP_INDEX_URL, PIP_EXTRA_INDEX_URL) where they are.
 * @returns its interpreter
 * @throws InputError with the last words of what failed
 */
export async function makePython(folder: string, packages: readonly string[]): Promise<string> {
  const program = pythonOf(folder);
  await expectSuccess('python3', ['-m', 'venv', folder]);
  await expectSuccess(program, ['-m', 'pip', 'install', '--quiet', ...packages]);
  return program;
}

async function expectSuccess(program: string, args: readonly string[]): Promise<void> {
  const { code, output } = await run(program, args);
  if (code === 0) return;
  throw new InputError(`${program} ${args.slice(0, 3).join(' ')}: ${lastLines(output, 1)}`);
}
