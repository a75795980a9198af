import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withLock } from '../../src/engine/training/lock.ts';
import { InputError } from '../../src/errors.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'unclip-lock-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('two are not at work in one folder, and the second is told who is', async () => {
  await withLock(folder, 'trains the same part', async () => {
    const second = withLock(folder, 'trains the same part', async () => 'done');
    await expect(second).rejects.toThrow(InputError);
    await expect(second).rejects.toThrow(`${folder} is in use by process ${process.pid}`);
  });
  expect(await readdir(folder)).toEqual([]);
  expect(await withLock(folder, 'trains the same part', async () => 'done')).toBe('done');
});

test('of many that begin at once, one works and the others are told who does', async () => {
  for (let round = 0; round < 50; round++) {
    const calls = Array.from({ length: 8 }, () =>
      withLock(folder, 'trains the same part', () => setTimeout(20, 'done')),
    );
    const ends = await Promise.allSettled(calls);
    const refusals = ends.flatMap((end) => (end.status === 'rejected' ? [String(end.reason)] : []));
    expect(refusals).toEqual(Array(7).fill(expect.stringContaining(`in use by process ${process.pid}`)));
  }
  expect(await readdir(folder)).toEqual([]);
});

test('work that fails leaves no lock', async () => {
  const failed = withLock(folder, 'trains the same part', async () => {
    throw new Error('no more memory');
  });
  await expect(failed).rejects.toThrow('no more memory');
  expect(await readdir(folder)).toEqual([]);
});

test.skipIf(!existsSync('/dev/full'))('a full disk leaves no lock', async () => {
  await symlink('/dev/full', join(folder, `lock.${process.pid}`));
  await expect(withLock(folder, 'trains the same part', async () => 'done')).rejects.toThrow('ENOSPC');
  expect(await readdir(folder)).toEqual([]);
});

test('a folder that was made for the lock stays as long as something is in it', async () => {
  const made = join(folder, 'runs', 'judge');
  const work = (write: () => Promise<void>) => withLock(made, 'trains the same part', write);
  await expect(work(() => Promise.reject(new Error('no such names')))).rejects.toThrow('no such names');
  expect(existsSync(made)).toBe(false);
  await work(() => writeFile(join(made, 'config.json'), '{}'));
  expect(await readdir(made)).toEqual(['config.json']);
});

const gone = () => `${spawnSync(process.execPath, ['--version']).pid} 1`;
const CASES: [string, () => string][] = [
  ['is gone', gone],
  ['has left nothing to read', () => ''],
];
// its number has come again
if (existsSync('/proc/self/stat')) CASES.push(['was another of the same number', () => `${process.pid} 1`]);

test.each(CASES)('a lock is taken over whose process %s', async (_, holder) => {
  await writeFile(join(folder, 'lock'), holder());
  expect(await withLock(folder, 'trains the same part', async () => 'done')).toBe('done');
});

test.runIf(existsSync('/proc/self/stat'))('a lock is taken over whose process was killed and not reaped', async () => {
  const name = 'a) Z (b';
  await writeFile(join(folder, name), '#!/bin/sh\nsleep 60\n', { mode: 0o755 });
  // the shell becomes a program that never asks how its child ended
  const parent = spawn('sh', ['-c', '"$0" & echo $!; exec sleep 60', join(folder, name)], { detached: true });
  try {
    const pid = Number(await once(parent.stdout, 'data'));
    const status = () => readFile(`/proc/${pid}/stat`, 'utf8');
    await expect.poll(status).toMatch(`(${name}) S`);
    await writeFile(join(folder, 'lock'), `${pid} ${(await status()).split(') S ')[1]!.split(' ')[18]}`);
    const locked = () => withLock(folder, 'trains the same part', async () => 'done');
    await expect(locked()).rejects.toThrow(`in use by process ${pid}`);
    process.kill(pid, 'SIGKILL');
    await expect.poll(status).toMatch(`(${name}) Z`);
    expect(await locked()).toBe('done');
  } finally {
    process.kill(-parent.pid!, 'SIGKILL');
  }
});
