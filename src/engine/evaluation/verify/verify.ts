import { InputError } from '../../../errors.ts';
import type { Tensor } from '../../tensor.ts';
import { readSafetensors } from '../../weights/safetensors.ts';
import type { Check } from './check.ts';
import { CHECKS } from './checks.ts';
import { Comparison, type Result, type StepsAlone } from './comparison.ts';
import { Folder } from './folder.ts';

/** What the outputs of a network may differ by. */
const NETWORK_ERROR = 1e-4;

/** What became of one folder; a folder of no known kind has no check and no tensors. */
export interface FolderReport {
  readonly path: string;
  readonly check: string | null;
  readonly pass: boolean;
  readonly tensors: readonly Result[];
  readonly message?: string;
}

/**
 * Checks a folder of reference values, or all such folders below it.
 * @throws InputError when there is no such folder
 */
export async function* verify(path: string): AsyncGenerator<FolderReport> {
  const top = new Folder(path);
  const found = await discover(top);
  const folders = found.some(({ check }) => check) ? found : [{ folder: top, check: undefined }];
  for (const { folder, check } of folders) {
    yield check ? await runCheck(check, folder) : await unknownFolder(folder);
  }
}

interface Found {
  readonly folder: Folder;
  readonly check: Check | undefined;
}

/** What a folder of reference values has one of. */
const MARKS = ['case.json', 'config.json', 'expected.safetensors'];

/** The folder itself, or those below it that look like folders of reference values, with what they are. */
async function discover(folder: Folder): Promise<Found[]> {
  const check = await recognise(folder);
  if (check || MARKS.some((name) => folder.has(name))) return [{ folder, check }];
  const found: Found[] = [];
  for (const subfolder of await folder.subfolders()) found.push(...(await discover(subfolder)));
  return found;
}

async function recognise(folder: Folder): Promise<Check | undefined> {
  for (const check of CHECKS) if (await check.recognises(folder).catch(refused)) return check;
  return undefined;
}

/** A file that can't be read makes a folder of no kind. */
function refused(error: unknown): false {
  if (error instanceof InputError) return false;
  throw error;
}

async function unknownFolder(folder: Folder): Promise<FolderReport> {
  const kinds = CHECKS.map(({ name }) => name).join(', ');
  const unlike = `no folder of reference values: expected a case.json or config.json of one of the kinds ${kinds}`;
  const files = Promise.all([folder.json('case.json'), folder.json('config.json')]);
  const message = await files.then(
    () => unlike,
    (damaged: Error) => damaged.message,
  );
  return { path: folder.path, check: null, pass: false, tensors: [], message };
}

async function runCheck(check: Check, folder: Folder): Promise<FolderReport> {
  let comparison = new Comparison();
  let again: StepsAlone | undefined;
  try {
    comparison = new Comparison(await expectedTensors(folder));
    await check.run(folder, comparison);
    if (check.takesSteps && comparison.finish().some(differs)) {
      again = await runStepsAlone(check, folder, comparison.expected);
    }
  } catch (error) {
    comparison.giveUp(
      check.name,
      error instanceof InputError ? error.message : String((error as Error)?.stack ?? error),
    );
  }
  const tensors = comparison.finish(again);
  return { path: folder.path, check: check.name, pass: tensors.every(({ pass }) => pass), tensors };
}

const differs = ({ pass, maxError }: Result) => !pass && maxError !== null;

/** A small difference may grow from step to step: what differs is computed again, each step for itself. */
async function runStepsAlone(check: Check, folder: Folder, expected: Comparison['expected']): Promise<StepsAlone> {
  const run = async (error: number) => {
    const comparison = new Comparison(expected);
    await check.run(folder, comparison, { error });
    return comparison;
  };
  return { exact: await run(0), disturbed: [await run(NETWORK_ERROR), await run(-NETWORK_ERROR)] };
}

async function expectedTensors(folder: Folder): Promise<ReadonlyMap<string, Tensor>> {
  const name = 'expected.safetensors';
  return folder.has(name) ? readSafetensors(folder.file(name)) : new Map();
}
