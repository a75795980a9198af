import { spawn } from 'node:child_process';

export interface Finished {
  readonly code: number | null;
  /** stdout and stderr together, as they came. */
  readonly output: string;
}

/** Runs a program to its end; code null where there is no such program. */
export function run(program: string, args: readonly string[], cwd?: string): Promise<Finished> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const append = (chunk: Buffer) => {
      output += chunk;
    };
    child.stdout.on('data', append);
    child.stderr.on('data', append);
    child.on('error', (error) => resolve({ code: null, output: String(error) }));
    child.on('close', (code) => resolve({ code, output }));
  });
}

/** The last lines of what a program said: enough to see why it failed. */
export function lastLines(output: string, count = 12): string {
  return output.trimEnd().split('\n').slice(-count).join('\n');
}
