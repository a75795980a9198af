import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { InputError } from '../../errors.ts';
import { lastLines } from '../training/setup/run.ts';

/** What is timed. Every peer knows some of these. */
export type Work =
  /** Text → pictures, the whole pipeline of a model folder. */
  | {
      readonly kind: 'drawing';
      readonly folder: string;
      readonly prompt: string;
      readonly count: number;
      readonly steps: number;
      readonly priorSteps: number;
      readonly guidanceScale: number;
      readonly priorGuidanceScale: number;
      /** In pixels. */
      readonly size: number;
    }
  /** One step of a Kandinsky U-Net on random numbers; `graph` is our ONNX file of it, for peers that read such. */
  | {
      readonly kind: 'unet';
      readonly folder: string;
      readonly graph?: string;
      readonly rows: number;
      readonly channels: number;
      /** Height and width of the latents. */
      readonly size: number;
      readonly embeddingWidth: number;
    };

export type Precision = 'float32' | 'bfloat16' | 'int8';

export interface Task {
  readonly work: Work;
  readonly precision: Precision;
  readonly threads: number;
}

/** A program that is asked on its stdin and answers on its stdout, one JSON object a line. */
export interface PeerProgram {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

const Answer = z.union([
  z.object({ error: z.string() }),
  z.object({
    seconds: z.number(),
    /** Milliseconds of each run of each network, where the peer knows them. */
    runs: z.record(z.string(), z.array(z.number())).optional(),
    /** The most memory that the process has held so far. */
    peakBytes: z.number().optional(),
  }),
]);
type PeerAnswer = Exclude<z.infer<typeof Answer>, { error: string }>;

/** A peer can't do what it was asked, or has ended. */
export class PeerError extends InputError {
  override name = 'PeerError';
}

/** A peer at work, in a process of its own. */
export interface Peer {
  /** Loads what the task needs; its seconds. @throws PeerError */
  open(task: Task): Promise<PeerAnswer>;
  /** Does the work once. @throws PeerError */
  run(): Promise<PeerAnswer>;
  close(): Promise<void>;
}

export function startPeer({ name, command, args }: PeerProgram): Peer {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk).slice(-10_000);
  });
  const ended = new Promise<unknown>((resolve) => child.once('error', resolve).once('close', resolve));
  child.stdin.on('error', () => {}); // the end of the answers says enough

  async function ask(request: object): Promise<PeerAnswer> {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await answers.next();
    if (done) {
      const how = await ended;
      throw new PeerError(`${name} has ended: ${lastLines(said, 1) || how}`);
    }
    const answer = Answer.parse(JSON.parse(value));
    if ('error' in answer) throw new PeerError(`${name}: ${answer.error}`);
    return answer;
  }
  return {
    open: (task) => ask({ do: 'open', ...task }),
    run: () => ask({ do: 'run' }),
    async close() {
      child.stdin.end();
      await ended;
    },
  };
}
