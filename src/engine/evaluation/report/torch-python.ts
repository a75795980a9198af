import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir } from '../../cache.ts';
import { lastLines, run } from '../../training/setup/run.ts';

/** A Python that has torch and diffusers, or why there is none. */
export type TorchPython = { readonly program: string } | { readonly reason: string };

/**
 * Looks for a Python with torch and diffusers: the one that is named, `python3`, and one of our own in the user's cache,
 * which is made here where there is pip.
 * @param named  instead of `python3`
 */
export async function findTorchPython(named: string | undefined, say: (line: string) => void): Promise<TorchPython> {
  const folder = cacheDir('torch');
  const own = join(folder, 'bin', 'python');
  for (const program of [named ?? 'python3', ...(existsSync(own) ? [own] : [])]) {
    if (await hasTorch(program)) return { program };
  }
  if (named) return { reason: `${named} has no torch and diffusers` };
  say(`installing torch and diffusers for Python into ${folder}, to compare the speed with (kept for the next time) …`);
  const made = await run('python3', ['-m', 'venv', folder]);
  if (made.code !== 0) return { reason: `no Python with torch, and none could be made: ${lastLines(made.output, 1)}` };
  const installed = await run(own, ['-m', 'pip', 'install', '--quiet', ...CPU_WHEELS, 'torch', 'numpy', 'diffusers']);
  if (await hasTorch(own)) return { program: own };
  return { reason: `torch could not be installed: ${lastLines(installed.output, 1)}` };
}

/** Without CUDA's libraries, which are ten times as large; where that index can't be reached, pip goes on without it. */
const CPU_WHEELS = ['--extra-index-url', 'https://download.pytorch.org/whl/cpu'];

const hasTorch = async (program: string) =>
  (await run(program, ['-c', 'import torch, diffusers; diffusers.UNet2DConditionModel'])).code === 0;
