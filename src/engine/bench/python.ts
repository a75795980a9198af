import { join } from 'node:path';
import { InputError } from '../../errors.ts';
import { cacheDir } from '../cache.ts';
import { lastLines, run } from '../training/setup/run.ts';

/** What the peers need; torch without CUDA's libraries where its own index can be reached. */
const PACKAGES = ['torch==2.13.0', 'numpy', 'diffusers', 'transformers', 'accelerate', 'openvino', 'nncf'];
const IMPORTS = 'import torch, diffusers, transformers, accelerate, openvino, nncf';
const OWN = cacheDir('bench-python');
const PROGRAM = join(OWN, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
const CPU_WHEELS = 'https://download.pytorch.org/whl/cpu/';

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
  await expectSuccess('python3', ['-m', 'venv', OWN]);
  const index = (await canReach(CPU_WHEELS)) ? ['--extra-index-url', CPU_WHEELS] : [];
  await expectSuccess(PROGRAM, ['-m', 'pip', 'install', '--quiet', ...index, ...PACKAGES]);
  await expectSuccess(PROGRAM, ['-c', IMPORTS]);
  return PROGRAM;
}

/** The same without installing anything; undefined where that would be needed. */
export async function installedPeerPython(named: string | undefined): Promise<string | undefined> {
  const program = named ?? PROGRAM;
  return (await run(program, ['-c', IMPORTS])).code === 0 ? program : undefined;
}

async function expectSuccess(program: string, args: readonly string[]): Promise<void> {
  const { code, output } = await run(program, args);
  if (code === 0) return;
  throw new InputError(`no Python to compare with: ${program} ${args.slice(0, 3).join(' ')}: ${lastLines(output, 1)}`);
}

/** pip waits for minutes on an index that it can't reach. */
async function canReach(url: string): Promise<boolean> {
  return fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(5000) }).then(
    ({ ok }) => ok,
    () => false,
  );
}
