import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../bin/unclip.mjs', import.meta.url));
const READY_MS = 60_000;

/** `npm start` as a newcomer runs it: without token, Redis or settings, but for a folder and a port of its own. */
export class Started {
  readonly dataDir: string;
  readonly #process: ChildProcess;
  output = '';

  /** @param settings  as environment variables */
  static async start(dataDir?: string, settings: NodeJS.ProcessEnv = {}): Promise<Started> {
    const started = new Started(dataDir ?? (await mkdtemp(join(tmpdir(), 'unclip-e2e-'))), settings);
    await started.until(() => started.url !== undefined, 'the page');
    return started;
  }

  private constructor(dataDir: string, settings: NodeJS.ProcessEnv) {
    this.dataDir = dataDir;
    const { DISCORD_TOKEN: _, REDIS_URL: __, ...env } = process.env;
    this.#process = spawn(process.execPath, [PROGRAM, 'start'], {
      env: { ...env, ...settings, DATA_DIR: dataDir, LOCAL_DISCORD_PORT: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on('data', (chunk) => {
        this.output += chunk;
      });
    }
  }

  get url(): string | undefined {
    return /http:\/\/127\.0\.0\.1:\d+\//.exec(this.output)?.[0];
  }

  /** Process ids under which a service said it was ready, the latest last. */
  pids(service: 'bot' | 'engine'): number[] {
    const lines = this.output
      .split('\n')
      .filter((line) => line.includes(`"name":"${service}"`) && line.includes('"ready"'));
    return lines.map((line) => JSON.parse(line).pid);
  }

  async until(done: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + READY_MS;
    while (!done()) {
      if (Date.now() > deadline || this.#process.exitCode !== null) {
        throw new Error(`waited for ${what} in vain:\n${this.output}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Ctrl+C, and all that it left is ended. */
  async stop(): Promise<number | null> {
    if (this.#process.exitCode !== null) return this.#process.exitCode;
    const code = new Promise<number | null>((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGINT');
    return code;
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 500 });
  }
}
