import { link, mkdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { InputError } from '../../errors.ts';
import { unlessMissing } from '../unless-missing.ts';

/** Locks that this process has or asks for: the files beside them are named after it, so that two calls would share one. */
const ofThisProcess = new Set<string>();

/**
 * Does work in a folder while no other process may. The lock is a file that names its process: one that a killed process has
 * left is taken over.
 * @param does what, of whoever has the lock: "trains the same part"
 * @throws InputError where another process is at work there
 */
export async function withLock<R>(folder: string, does: string, work: () => Promise<R>): Promise<R> {
  const path = resolve(folder, 'lock');
  if (ofThisProcess.has(path)) throw inUse(folder, process.pid, does);
  ofThisProcess.add(path);
  try {
    return await lockedAmongProcesses(path, folder, does, work);
  } finally {
    ofThisProcess.delete(path);
  }
}

async function lockedAmongProcesses<R>(path: string, folder: string, does: string, work: () => Promise<R>): Promise<R> {
  const made = await mkdir(folder, { recursive: true });
  try {
    await acquire(path, folder, does);
    try {
      return await work();
    } finally {
      await rm(path, { force: true });
    }
  } finally {
    // of work that was refused nothing stays; a folder that something is in does
    if (made) await rmdir(folder).catch(() => {});
  }
}

const inUse = (folder: string, pid: number, does: string) =>
  new InputError(`${folder} is in use by process ${pid}, which ${does}: wait for its end, or name another folder`);

async function acquire(path: string, folder: string, does: string): Promise<void> {
  const own = `${path}.${process.pid}`;
  try {
    await writeFile(own, (await identityOf(process.pid))!);
    // a link, unlike a new file, is there with its content or not at all
    while (!(await isLinked(own, path))) {
      const holder = await unlessMissing(readFile(path, 'utf8'));
      if (holder === undefined) continue;
      const pid = Number.parseInt(holder, 10);
      if (holder === (await identityOf(pid))) throw inUse(folder, pid, does);
      await takeAway(path, holder, `${own}.left`);
    }
  } finally {
    await rm(own, { force: true });
  }
}

/** Removes a lock that was left, and not one that somebody has taken since it was read. */
async function takeAway(path: string, holder: string, aside: string): Promise<void> {
  const isAside = await unlessMissing(rename(path, aside).then(() => true));
  if (!isAside) return;
  if ((await readFile(aside, 'utf8')) !== holder) await isLinked(aside, path);
  await rm(aside);
}

const isLinked = (from: string, to: string): Promise<boolean> =>
  link(from, to).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw error;
    },
  );

function isKnown(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Its number, and where Linux tells it (proc(5), field 22) when it was started: numbers come again. Undefined where it is
 * gone; so is what was killed and has a parent that doesn't ask how, as in many containers: it still answers to its number.
 */
async function identityOf(pid: number): Promise<string | undefined> {
  if (!isKnown(pid)) return undefined;
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // the program's name, the second field, stands in brackets and may hold spaces and brackets
  const [state, ...others] = status.slice(status.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' ? undefined : `${pid} ${others[18] ?? ''}`;
}
