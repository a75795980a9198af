import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findPipelines } from '../pipeline/model-folder.ts';
import { chooseFiles } from './choose-files.ts';
import { expectRoom } from './disk.ts';
import { HubError, type HubFile, type HubOptions, openRepository } from './hub.ts';
import { transfer } from './transfer.ts';

export interface DownloadOptions extends HubOptions {
  /** Of the weights, such as `fp16`, where a component has it. */
  readonly variant?: string;
  readonly signal?: AbortSignal;
  /** @param file  being fetched  @param done  bytes of all files so far, those that were there among them */
  readonly onProgress?: (file: string, done: number, total: number) => void;
}

export interface Download {
  /** Where it lies. */
  readonly dir: string;
  readonly commit: string;
  /** Of all its files. */
  readonly bytes: number;
}

/**
 * Fetches a model repository of the Hub in diffusers' layout into `<parent>/<its name without the owner>`.
 * What is there already is kept, and a file that was cut off is continued where it ends.
 * @throws InputError for a repository that isn't there for us or is no model of the family, or a disk without room
 */
export async function downloadModel(name: string, parent: string, options: DownloadOptions = {}): Promise<Download> {
  const repository = await openRepository(name, options);
  const dir = join(parent, name.split('/')[1]!);
  const index = repository.files.find(({ path }) => path === INDEX);
  if (!index) throw new HubError(`${name}: expected a ${INDEX}: it is no model in diffusers' layout`);
  // Kept apart until all else is there: a folder is no model before it is whole.
  const staged = join(dir, '.download');
  await transfer(index, join(staged, INDEX), options);
  const [pipeline] = await findPipelines(staged);
  const files = chooseFiles(repository, namesOf(pipeline?.index ?? {}), options.variant);
  await expectRoom(dir, missingBytes(dir, files));

  const total = files.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  for (const file of files) {
    await transfer(file, join(dir, file.path), {
      ...options,
      onBytes(count) {
        done += count;
        options.onProgress?.(file.path, done, total);
      },
    });
  }
  await rename(join(staged, INDEX), join(dir, INDEX));
  await rm(staged, { recursive: true });
  return { dir, commit: repository.commit, bytes: total };
}

const INDEX = 'model_index.json';

/** Of the components that are not left out. */
const namesOf = (index: Readonly<Record<string, unknown>>) =>
  Object.entries(index).flatMap(([name, entry]) =>
    /^\w+$/.test(name) && Array.isArray(entry) && entry[0] ? [name] : [],
  );

/** Of the files that aren't there yet. */
const missingBytes = (dir: string, files: readonly HubFile[]) =>
  files.reduce((sum, { path, size }) => sum + (existsSync(join(dir, path)) ? 0 : size), 0);
