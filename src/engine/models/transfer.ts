import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { causeOf, HubError, type HubFile, refusal } from './hub.ts';

export interface TransferOptions {
  readonly token?: string;
  readonly signal?: AbortSignal;
  /** Told of each piece: bytes, negative where a file has to be fetched again. */
  readonly onBytes?: (count: number) => void;
}

/** Without a byte in between: a long download may be cut more often. */
const MAX_FAILURES = 5;
const FIRST_DELAY_MS = 500;

/**
 * Fetches a file: into `<target>.<checksum>.part`, from where that ends if a former attempt was cut; it gets its name when
 * its checksum is right. A file that is there already is checked and kept.
 * @throws HubError when the Hub refuses it, is not reached in several attempts, or sends something else
 */
export async function transfer(file: HubFile, target: string, options: TransferOptions = {}): Promise<void> {
  const { onBytes } = options;
  if ((await sizeOf(target)) === file.size && (await isIntact(target, file))) {
    onBytes?.(file.size);
    return;
  }
  await mkdir(dirname(target), { recursive: true });
  const part = `${target}.${file.checksum.hex.slice(0, 12)}.part`;
  onBytes?.(await sizeOf(part));
  await fetchAll(file, part, options);
  if (!(await isIntact(part, file))) {
    await rm(part);
    const { kind, hex } = file.checksum;
    throw new HubError(`${file.url}: expected ${kind} ${hex}, found another: what was fetched is deleted, try again`);
  }
  await rename(part, target);
}

async function fetchAll(file: HubFile, part: string, options: TransferOptions): Promise<void> {
  await (await open(part, 'a')).close();
  let have = await sizeOf(part);
  for (let failures = 0; have < file.size; ) {
    const problem = await fetchRest(file, part, have, options);
    const now = await sizeOf(part);
    failures = now > have ? 1 : failures + 1;
    have = now;
    if (problem === undefined && have >= file.size) return;
    if (failures >= MAX_FAILURES)
      throw new HubError(`${file.url}: ${problem ?? 'cut off'}, after ${failures} attempts`);
    await setTimeout(FIRST_DELAY_MS * 2 ** (failures - 1), undefined, { signal: options.signal });
  }
}

/** @returns why it failed, where another attempt may do better */
async function fetchRest(
  { url }: HubFile,
  part: string,
  have: number,
  { token, signal, onBytes }: TransferOptions,
): Promise<string | undefined> {
  const headers = {
    'accept-encoding': 'identity',
    ...(token && { authorization: `Bearer ${token}` }),
    ...(have > 0 && { range: `bytes=${have}-` }),
  };
  try {
    const response = await fetch(url, { headers, ...(signal && { signal }) });
    if (response.status === 429 || response.status >= 500) return `the Hub answers with status ${response.status}`;
    if (!response.ok || !response.body) throw new HubError(refusal(response.status, url, { token }));
    const resumes = response.status === 206;
    if (!resumes) onBytes?.(-have);
    await append(part, resumes ? have : 0, response.body, onBytes);
    return undefined;
  } catch (error) {
    if (error instanceof HubError || signal?.aborted) throw error;
    return causeOf(error as Error);
  }
}

async function append(
  part: string,
  from: number,
  body: AsyncIterable<Uint8Array>,
  onBytes: TransferOptions['onBytes'],
): Promise<void> {
  const output = await open(part, 'r+');
  try {
    await output.truncate(from);
    let at = from;
    for await (const piece of body) {
      await output.write(piece, 0, piece.length, at);
      at += piece.length;
      onBytes?.(piece.length);
    }
  } finally {
    await output.close();
  }
}

async function isIntact(path: string, { size, checksum: { kind, hex } }: HubFile): Promise<boolean> {
  const hash = createHash(kind === 'git' ? 'sha1' : kind);
  if (kind === 'git') hash.update(`blob ${size}\0`);
  for await (const piece of createReadStream(path)) hash.update(piece);
  return hash.digest('hex') === hex;
}

/** In bytes; 0 where there is no such file. */
async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
