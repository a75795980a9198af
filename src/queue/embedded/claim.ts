import { randomBytes } from 'node:crypto';
import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { InputError } from '../../errors.ts';

/*
 * Which process serves the embedded queue of a folder. One at a time may, and whoever looks must be able to tell a live
 * server from one that was killed, in whatever state it left its files. So:
 *
 * 1. A server first listens, on an address of its own that is never used again (a unix socket, a pipe on Windows);
 *    the kernel refuses connections to it from the moment the process is gone.
 * 2. Then it writes that address into the file claim-N, N one more than the highest there is. Linking the file into
 *    place succeeds for one process only.
 * 3. The highest claim is never removed, so a number is never given twice: a slow starter that got a number which was
 *    cleared away meanwhile sees a higher one and gives up.
 */

const CLAIM = /^claim-(\d+)$/;

interface Claim {
  readonly number: number;
  readonly address: string;
}

/** sun_path holds 104 bytes on macOS and 108 on Linux, with a closing zero. */
const MAX_SOCKET_PATH = 103;

/** A name for an address of this process alone. @throws InputError when the folder's path is too long for a socket */
export function newName(folder: string): string {
  const id = `${process.pid}-${randomBytes(4).toString('hex')}`;
  if (process.platform === 'win32') return `\\\\.\\pipe\\unclip-queue-${id}`;
  const name = `${id}.sock`;
  const excess = Buffer.byteLength(addressOf(folder, name)) - MAX_SOCKET_PATH;
  if (excess > 0) {
    throw new InputError(
      `DATA_DIR is ${excess} characters too long for the socket of the embedded queue in ${folder}: set a shorter one`,
    );
  }
  return name;
}

/** Claims hold names, not paths: a volume may be mounted elsewhere in another container. */
export function addressOf(folder: string, name: string): string {
  return resolve(folder, name);
}

/** The address at which the folder's queue is served, undefined when nobody serves it. */
export async function servedAt(folder: string): Promise<string | undefined> {
  const claim = highestClaim(folder);
  return claim && (await answers(claim.address)) ? claim.address : undefined;
}

/**
 * Makes this process the one that serves the folder.
 * @param name of the address at which it listens already
 * @returns whether it is the one; false: another is
 */
export async function claim(folder: string, name: string): Promise<boolean> {
  const draft = join(folder, `draft-${randomBytes(8).toString('hex')}`);
  writeFileSync(draft, name);
  try {
    for (;;) {
      const highest = highestClaim(folder);
      if (highest && (await answers(highest.address))) return false;
      const number = (highest?.number ?? 0) + 1;
      if (!linked(draft, join(folder, `claim-${number}`))) continue;
      if (highestClaim(folder)!.number > number) return false;
      for (const old of claims(folder)) if (old < number) discard(folder, old);
      return true;
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function claims(folder: string): number[] {
  return readdirSync(folder).flatMap((name) => CLAIM.exec(name)?.slice(1).map(Number) ?? []);
}

function highestClaim(folder: string): Claim | undefined {
  for (;;) {
    const number = Math.max(0, ...claims(folder));
    if (number === 0) return undefined;
    try {
      return { number, address: addressOf(folder, readFileSync(join(folder, `claim-${number}`), 'utf8')) };
    } catch (error) {
      // removed between the two lines, by the holder of a higher one
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

function discard(folder: string, number: number): void {
  const path = join(folder, `claim-${number}`);
  if (process.platform !== 'win32') rmSync(addressOf(folder, readFileSync(path, 'utf8')), { force: true });
  rmSync(path);
}

/** Whether a process listens there; one that is too busy or of another user does. */
function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'));
  });
}
