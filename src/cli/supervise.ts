import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';

export interface SuperviseOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Its abort ends the process, and supervision with it. */
  readonly signal: AbortSignal;
  /** Each time the process says that it is ready. */
  readonly onReady: () => void;
  readonly log: Logger;
}

/** Exit code of a process that can't work until a person mends its input. */
const WRONG_INPUT = 2;
const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 30_000;
/** Having run so long, a crash counts as the first one. */
const STEADY_MS = 60_000;
/** How long a process may take to end when told to. */
const STOP_MS = 10_000;

/**
 * Keeps one command of this program running in a process of its own, and starts it again when it crashes.
 * @returns the exit code that supervision ended with: 0 when told to stop, 2 when the process says its input is wrong
 */
export async function supervise(command: string, options: SuperviseOptions): Promise<number> {
  const { signal, log } = options;
  let delay = FIRST_DELAY_MS;
  for (;;) {
    const startedAt = Date.now();
    const code = await runOnce(command, options);
    if (signal.aborted) return 0;
    if (code === WRONG_INPUT) return WRONG_INPUT;
    if (Date.now() - startedAt > STEADY_MS) delay = FIRST_DELAY_MS;
    log.error({ code }, `${command} ended unexpectedly and starts again in ${delay / 1000} s`);
    await sleep(delay, undefined, { signal }).catch(() => {});
    if (signal.aborted) return 0;
    delay = Math.min(2 * delay, LONGEST_DELAY_MS);
  }
}

/** @returns exit code; null when it was killed */
async function runOnce(command: string, { env, signal, onReady }: SuperviseOptions): Promise<number | null> {
  // A group of its own: a terminal's Ctrl+C reaches this process, which ends the others in order.
  const child = spawn(process.execPath, [process.argv[1] as string, command], {
    env,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    detached: process.platform !== 'win32',
  });
  child.on('message', (message) => message === 'ready' && onReady());
  const stop = () => void end(child);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  signal.removeEventListener('abort', stop);
  return code;
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  child.once('exit', () => clearTimeout(timer));
}
