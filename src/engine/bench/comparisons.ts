import { join } from 'node:path';
import { readKandinskyFolder } from '../pipeline/kandinsky-folder.ts';
import type { Comparison, Side } from './compare.ts';
import type { PeerProgram, Precision } from './peer.ts';
import { drawingWork, stepWork } from './works.ts';
import { writeUnetGraph } from './write-graph.ts';

export const PEERS = ['diffusers', 'openvino'] as const;
export type PeerName = (typeof PEERS)[number];

export interface ComparisonsOptions {
  readonly modelDir: string;
  /** Of the model. */
  readonly precisions: readonly Precision[];
  /** Kandinsky 2.2's U-Net; absent: left out. */
  readonly kandinsky?: { readonly unet: string; readonly precisions: readonly Precision[] };
  readonly against: readonly PeerName[];
  readonly own: PeerProgram;
  readonly peers: Readonly<Record<PeerName, PeerProgram>>;
  readonly threads: number;
  readonly rounds: number;
  /** Where graphs are written for OpenVINO. */
  readonly scratch: string;
}

/** Of a network that takes seconds. */
const MAX_LONG_ROUNDS = 5;

/**
 * What is compared: the model's whole drawing with diffusers; one step of its U-Net with OpenVINO, which knows networks
 * only; one step of Kandinsky 2.2's U-Net with both, two sides at a time, as each holds gigabytes.
 */
export async function comparisons(options: ComparisonsOptions): Promise<Comparison[]> {
  const { modelDir, threads, rounds } = options;
  const sides = (name: PeerName, ...precisions: Precision[]): Side[] =>
    options.against.includes(name) ? precisions.map((precision) => ({ program: options.peers[name], precision })) : [];
  const own = (precision: Precision): Side => ({ program: options.own, precision });
  const scratch = (name: string) => join(options.scratch, name);

  const drawing = await drawingWork(modelDir);
  const unet = (await readKandinskyFolder(modelDir)).components.unet;
  const step = await stepWork(unet, 2 * drawing.count);
  const bundled = { name: 'bundled', own: options.precisions.map(own), threads, rounds };
  const all: Comparison[] = [
    { ...bundled, work: drawing, peers: sides('diffusers', 'float32', 'bfloat16') },
    {
      ...bundled,
      work: { ...step, graph: await writeUnetGraph(unet, scratch('bundled')) },
      peers: sides('openvino', 'float32', 'bfloat16', 'int8'),
    },
  ];
  if (options.kandinsky) {
    const { unet, precisions } = options.kandinsky;
    const work = { ...(await stepWork(unet, 2, 64)), graph: await writeUnetGraph(unet, scratch('kandinsky22')) };
    const pairs: [Side, Side][] = [
      ...sides('diffusers', 'float32'),
      ...sides('openvino', 'float32', 'bfloat16'),
    ].flatMap((peer) => precisions.map((precision): [Side, Side] => [own(precision), peer]));
    const long = { name: 'kandinsky22-unet', threads, rounds: Math.min(rounds, MAX_LONG_ROUNDS) };
    all.push(...pairs.map(([mine, peer]) => ({ ...long, work, own: [mine], peers: [peer] })));
  }
  return all.filter(({ peers }) => peers.length > 0);
}
