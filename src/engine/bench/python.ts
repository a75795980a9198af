import { InputError } from '../../errors.ts';
import { cacheDir } from '../cache.ts';
import { makePython, pythonOf } from '../python.ts';
import { lastLines, run } from '../training/setup/run.ts';

/** What the peers need. */
const PACKAGES = ['torch==2.13.0', 'numpy', 'diffusers', 'transformers', 'accelerate', 'openvino', 'nncf'];
const IMPORTS = 'import torch, diffusers, transformers, accelerate, openvino, nncf';
const OWN = cacheDir('bench-python');

/**
 * A Python with the packages of the peers: the one that is named, or one of our own in the user's cache, made at its
 * first use with `python3 -m venv` and pip.
 * @throws InputError where there is none, and none can be made
 */
export async function peerPython(named: string | undefined, say: (line: string) => void): Promise<string> {
  const installed = await installedPeerPython(named);
  if (installed !== undefined) return installed;
  if (named !== undefined) throw new InputError(`${named}: expected a Python with ${PACKAGES.join(', ')}`);
  say(`installing ${PACKAGES.join(', ')} for Python into ${OWN} (kept for the next time) …`);
  const own = await makePython(OWN, PACKAGES);
  const { code, output } = await run(own, ['-c', IMPORTS]);
  if (code !== 0) throw new InputError(`${own} has no ${PACKAGES.join(', ')}: ${lastLines(output, 1)}`);
  return own;
}

/** The same without installing anything; undefined where that would be needed. */
export async function installedPeerPython(named: string | undefined): Promise<string | undefined> {
  const program = named ?? pythonOf(OWN);
  return (await run(program, ['-c', IMPORTS])).code === 0 ? program : undefined;
}
