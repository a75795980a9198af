import { existsSync } from 'node:fs';
import { cacheDir } from '../../cache.ts';
import { makePython, pythonOf } from '../../python.ts';
import { run } from '../../training/setup/run.ts';

/** A Python that has torch and diffusers, or why there is none. */
export type TorchPython = { readonly program: string } | { readonly reason: string };

/**
 * Looks for a Python with torch and diffusers: the one that is named, `python3`, and one of our own in the user's cache,
 * which is made here where there is pip.
 * @param named  instead of `python3`
 */
export async function findTorchPython(named: string | undefined, say: (line: string) => void): Promise<TorchPython> {
  const folder = cacheDir('torch');
  const own = pythonOf(folder);
  for (const program of [named ?? 'python3', ...(existsSync(own) ? [own] : [])]) {
    if (await hasTorch(program)) return { program };
  }
  if (named) return { reason: `${named} has no torch and diffusers` };
  say(`installing torch and diffusers for Python into ${folder}, to compare the speed with (kept for the next time) …`);
  try {
    await makePython(folder, ['torch', 'numpy', 'diffusers']);
  } catch (error) {
    return { reason: `no Python with torch, and none could be made: ${(error as Error).message}` };
  }
  return (await hasTorch(own)) ? { program: own } : { reason: `${own} has no torch and diffusers` };
}

const hasTorch = async (program: string) =>
  (await run(program, ['-c', 'import torch, diffusers; diffusers.UNet2DConditionModel'])).code === 0;
