import { setTimeout as sleep } from 'node:timers/promises';
import { median } from '../median.ts';
import { type Peer, PeerError, type PeerProgram, type Precision, startPeer, type Work } from './peer.ts';

/** One side of a comparison: a program and how it computes. */
export interface Side {
  readonly program: PeerProgram;
  readonly precision: Precision;
}

export interface Comparison {
  /** Such as `bundled`: the beginning of the ratios' names. */
  readonly name: string;
  readonly work: Work;
  readonly own: readonly Side[];
  readonly peers: readonly Side[];
  readonly threads: number;
  /** In each, every side works once, in turn. */
  readonly rounds: number;
}

export interface Times {
  readonly program: string;
  readonly precision: Precision;
  /** Of each round; empty where the side can't do the work. */
  readonly seconds: readonly number[];
  /** Why it can't. */
  readonly problem?: string;
}

/** In which the threads of the side before go to sleep, in ms: some spin for a while when their work is done. */
const PAUSE = 250;

/**
 * Times all sides in turn, round by round, so that whatever else the machine does meets all of them alike.
 * Each side works once before, unmeasured. A side that fails is left out, and says why.
 */
export async function compare(comparison: Comparison, say: (line: string) => void): Promise<Times[]> {
  const { work, threads, rounds } = comparison;
  const sides = [...comparison.own, ...comparison.peers];
  const seconds: number[][] = sides.map(() => []);
  const problems: (string | undefined)[] = [];
  const running: (Peer | undefined)[] = [];

  const attempt = async (i: number, action: (peer: Peer) => Promise<void>) => {
    const peer = running[i];
    if (!peer) return;
    try {
      await action(peer);
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      problems[i] = error.message;
      seconds[i] = [];
      running[i] = undefined;
      await peer.close();
    }
  };

  try {
    for (const [i, { program, precision }] of sides.entries()) {
      say(`${comparison.name}: ${program.name} ${precision} opens`);
      running[i] = startPeer(program);
      await attempt(i, async (peer) => {
        await peer.open({ work, precision, threads });
        await peer.run();
      });
    }
    for (let round = 0; round < rounds; round++) {
      for (const i of sides.keys()) {
        await sleep(PAUSE);
        await attempt(i, async (peer) => {
          seconds[i]!.push((await peer.run()).seconds);
        });
      }
    }
  } finally {
    await Promise.all(running.map((peer) => peer?.close()));
  }
  return sides.map(({ program, precision }, i) => ({
    program: program.name,
    precision,
    seconds: seconds[i]!,
    ...(problems[i] !== undefined && { problem: problems[i] }),
  }));
}

/**
 * How many times as fast we are: the median, over the rounds, of their seconds ÷ ours, for each of our modes.
 * Diffusers' float32 is called `diffusers` alone; `best` is the mode whose median is the lowest, where there are several.
 */
export function ratios(name: string, own: readonly Times[], peers: readonly Times[]): Record<string, number> {
  const entries: [string, number][] = [];
  for (const mine of own.filter(works)) {
    for (const theirs of peers.filter(works)) {
      const peer = theirs.precision === 'float32' && theirs.program === 'diffusers' ? 'diffusers' : peerName(theirs);
      entries.push([`${name}/${mine.precision}/${peer}`, ratio(mine, theirs)]);
    }
  }
  if (own.length === 1 && peers.length === 1) return Object.fromEntries(entries);
  const best = fastest(own);
  for (const program of new Set(peers.map((peer) => peer.program))) {
    const theirBest = fastest(peers.filter((peer) => peer.program === program));
    if (best && theirBest) entries.push([`${name}/best/${program}-best`, ratio(best, theirBest)]);
  }
  return Object.fromEntries(entries);
}

const works = ({ seconds }: Times) => seconds.length > 0;
const peerName = ({ program, precision }: Times) => `${program}-${precision}`;
const ratio = (own: Times, peer: Times) => median(own.seconds.map((seconds, round) => peer.seconds[round]! / seconds));

function fastest(all: readonly Times[]): Times | undefined {
  return all.filter(works).toSorted((a, b) => median(a.seconds) - median(b.seconds))[0];
}
