import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { lastLines, run } from './training/setup/run.ts';

/** torch without CUDA's libraries, which are ten times as large. */
const CPU_WHEELS = 'https://download.pytorch.org/whl/cpu/';

/** The interpreter of a virtual environment. */
export const pythonOf = (folder: string): string =>
  join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');

/**
 * Makes a virtual environment with some packages, with `python3 -m venv` and pip.
 * @returns its interpreter
 * @throws InputError with the last words of what failed
 */
export async function makePython(folder: string, packages: readonly string[]): Promise<string> {
  const program = pythonOf(folder);
  await expectSuccess('python3', ['-m', 'venv', folder]);
  const index = (await canReach(CPU_WHEELS)) ? ['--extra-index-url', CPU_WHEELS] : [];
  await expectSuccess(program, ['-m', 'pip', 'install', '--quiet', ...index, ...packages]);
  return program;
}

async function expectSuccess(program: string, args: readonly string[]): Promise<void> {
  const { code, output } = await run(program, args);
  if (code === 0) return;
  throw new InputError(`${program} ${args.slice(0, 3).join(' ')}: ${lastLines(output, 1)}`);
}

/** pip waits for minutes on an index that it can't reach. */
async function canReach(url: string): Promise<boolean> {
  return fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(5000) }).then(
    ({ ok }) => ok,
    () => false,
  );
}
