import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { median } from '../median.ts';
import { type PeerProgram, startPeer, type Task } from './peer.ts';

/** What the engine does on this machine. */
export interface Measured {
  /** Seconds to open the model folder and draw once, when no network is loaded yet. */
  readonly loadSeconds: number;
  /** Milliseconds of one run of each network, the median of the warm drawings, or of the first for what only runs there. */
  readonly networks: Readonly<Record<string, number>>;
  /** Of warm drawings, the median. */
  readonly drawSeconds: number;
  readonly picturesPerSecond: number;
  /** The most memory that the process held, less what the weights have in their files. */
  readonly memoryAboveWeightsBytes: number;
  readonly weightsBytes: number;
}

/** @param own  the engine as a peer, so that its memory is that of a process that does nothing else */
export async function measure(own: PeerProgram, task: Task, rounds: number): Promise<Measured> {
  const { work } = task;
  const peer = startPeer(own);
  try {
    const opened = await peer.open(task);
    const first = await peer.run();
    const warm = [];
    for (let round = 0; round < rounds; round++) warm.push(await peer.run());
    const drawSeconds = median(warm.map(({ seconds }) => seconds));
    const weightsBytes = await bytesOfWeights(work.folder);
    return {
      loadSeconds: opened.seconds + first.seconds,
      networks: { ...medians([first.runs ?? {}]), ...medians(warm.map(({ runs = {} }) => runs)) },
      drawSeconds,
      picturesPerSecond: (work.kind === 'drawing' ? work.count : work.rows) / drawSeconds,
      memoryAboveWeightsBytes: Math.max(...warm.map(({ peakBytes = 0 }) => peakBytes)) - weightsBytes,
      weightsBytes,
    };
  } finally {
    await peer.close();
  }
}

function medians(runs: readonly Readonly<Record<string, readonly number[]>>[]): Record<string, number> {
  const names = new Set(runs.flatMap(Object.keys));
  return Object.fromEntries([...names].map((name) => [name, median(runs.flatMap((of) => of[name] ?? []))]));
}

async function bytesOfWeights(folder: string): Promise<number> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.safetensors'));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((a, b) => a + b, 0);
}
