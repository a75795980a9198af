import { describe, expect, it } from 'vitest';
import { compare, ratios, type Times } from '../../src/engine/bench/compare.ts';
import type { PeerProgram, Work } from '../../src/engine/bench/peer.ts';
import { median } from '../../src/engine/median.ts';

const work: Work = { kind: 'unet', folder: '', rows: 1, channels: 4, size: 8, embeddingWidth: 2 };

/** A peer in JavaScript: `answer` is an expression of the request and of how many there were. */
const program = (name: string, answer: string): PeerProgram => ({
  name,
  command: process.execPath,
  args: [
    '-e',
    `let n = 0;
     require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
       const request = JSON.parse(line);
       n++;
       console.log(JSON.stringify(${answer}));
     });`,
  ],
});
const side = (name: string, answer: string) => ({ program: program(name, answer), precision: 'float32' as const });
const common = { name: 'step', work, threads: 1, rounds: 3 };

describe('compare', { timeout: 60_000 }, () => {
  it('opens each side, lets it work once unmeasured, and then times the rounds', async () => {
    const own = [side('us', '{ seconds: request.do === "open" ? 100 : n }')];
    const peers = [side('them', '{ seconds: 2 * n }')];
    const [us, them] = await compare({ ...common, own, peers }, () => {});
    expect(us).toEqual({ program: 'us', precision: 'float32', seconds: [3, 4, 5] });
    expect(them?.seconds).toEqual([6, 8, 10]);
  });

  it('leaves out a side that refuses, or ends, and says why', async () => {
    const peers = [
      side('refuses', '{ error: "no such device" }'),
      side('ends', 'n < 3 ? { seconds: n } : process.exit(console.error("out of memory"))'),
      { program: { name: 'absent', command: 'no-such-program', args: [] }, precision: 'float32' as const },
    ];
    const times = await compare({ ...common, own: [side('us', '{ seconds: 1 }')], peers }, () => {});
    expect(times.map(({ seconds }) => seconds.length)).toEqual([3, 0, 0, 0]);
    expect(times.slice(1).map(({ problem }) => problem)).toEqual([
      'refuses: no such device',
      'ends has ended: out of memory',
      expect.stringContaining('no-such-program'),
    ]);
  });
});

describe('ratios', () => {
  const times = (program: string, precision: Times['precision'], ...seconds: number[]): Times => ({
    program,
    precision,
    seconds,
  });

  it('are medians of the pairs, for each mode and for the fastest of each', () => {
    const own = [times('unclip', 'float32', 1, 2, 4), times('unclip', 'int8', 0.5, 1, 1)];
    const peers = [
      times('diffusers', 'float32', 3, 4, 4),
      times('diffusers', 'bfloat16', 2, 2, 2),
      times('openvino', 'bfloat16'),
    ];
    expect(ratios('bundled', own, peers)).toEqual({
      'bundled/float32/diffusers': 2,
      'bundled/float32/diffusers-bfloat16': 1,
      'bundled/int8/diffusers': 4,
      'bundled/int8/diffusers-bfloat16': 2,
      'bundled/best/diffusers-best': 2,
    });
  });
});

describe('median', () => {
  it('is the middle value, or between the two in the middle', () => {
    expect(median([3, 1, 10])).toBe(3);
    expect(median([4, 1, 2, 10])).toBe(3);
    expect(median([5])).toBe(5);
  });
});
