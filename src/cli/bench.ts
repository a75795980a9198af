import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { loadConfig, PROJECT_ROOT } from '../config.ts';
import { type Comparison, compare, ratios, type Times } from '../engine/bench/compare.ts';
import { measure } from '../engine/bench/measure.ts';
import { median } from '../engine/bench/median.ts';
import type { PeerProgram, Precision } from '../engine/bench/peer.ts';
import { peerPython } from '../engine/bench/python.ts';
import { formatMeasured, formatRatios, formatTimes, type Started } from '../engine/bench/table.ts';
import { drawingWork, kandinskyUnetFolder, stepWork } from '../engine/bench/works.ts';
import { writeUnetGraph } from '../engine/bench/write-graph.ts';
import { cacheDir } from '../engine/cache.ts';
import { readKandinskyFolder } from '../engine/pipeline/kandinsky-folder.ts';
import { Inference } from '../engine/service/inference.ts';
import { createLog } from '../log.ts';

const PEERS = ['diffusers', 'openvino'] as const;
type PeerName = (typeof PEERS)[number];

interface Options {
  readonly model?: string;
  readonly against?: PeerName[];
  readonly threads?: number;
  readonly rounds: number;
  readonly kandinsky?: string | false;
  readonly python?: string;
  readonly json?: true;
}

const say = (line: string) => process.stderr.write(`${line}\n`);

export const bench = new Command('bench')
  .description('Measure how fast the engine is on this machine, and beside what people use else.')
  .option('--model <dir>', 'model folder (default: MODEL_DIR, or the bundled model)')
  .option('--against <peers>', `some of ${PEERS.join(', ')}: the same work in the same minutes, in turn`, peerNames)
  .option('--threads <n>', 'threads of each side (default: ENGINE_THREADS)', wholeNumber)
  .option('--rounds <n>', 'how often each side works', wholeNumber, 7)
  .option('--kandinsky <dir>', "Kandinsky 2.2's U-Net (default: one of random weights, made at first use, 5 GB)")
  .option('--no-kandinsky', 'leave out the U-Net of Kandinsky 2.2')
  .addOption(new Option('--python <program>', 'a Python with the packages of the peers').env('PYTHON'))
  .option('--json', 'one JSON object on stdout instead of the table')
  .action(run);

async function run(options: Options): Promise<void> {
  const config = loadConfig();
  const threads = options.threads ?? config.engineThreads;
  const modelDir = options.model ?? config.modelDir;
  const print = (text: string) => (options.json ? process.stderr : process.stdout).write(`${text}\n`);

  const drawing = await drawingWork(modelDir);
  const measured = await measure(OWN, { work: drawing, precision: 'float32', threads }, options.rounds);
  const started = await measureStarts(modelDir, threads, options.rounds);
  print(formatMeasured(`${modelDir}, ${threads} threads of ${cpus()[0]?.model ?? 'this CPU'}`, measured, started));

  const against = options.against ?? [];
  const found: Record<string, number> = {};
  const times: Record<string, Times[]> = {};
  if (against.length > 0) {
    const python = await peerPython(options.python, say);
    await mkdir(cacheDir(), { recursive: true });
    const scratch = await mkdtemp(cacheDir('bench-'));
    try {
      for (const comparison of await comparisons(modelDir, { ...options, against, threads }, python, scratch)) {
        const all = await compare(comparison, say);
        const own = all.slice(0, comparison.own.length);
        times[`${comparison.name}, ${comparison.work.kind}`] = all;
        Object.assign(found, ratios(comparison.name, own, all.slice(own.length)));
        print(formatTimes(`${comparison.name}: one ${comparison.work.kind === 'unet' ? 'step' : 'drawing'}`, all));
      }
    } finally {
      await rm(scratch, { recursive: true });
    }
    print(formatRatios(found));
  }
  if (options.json) console.log(JSON.stringify({ threads, ...measured, ...started, times, ratios: found }));
}

type ComparedOptions = Options & { readonly against: readonly PeerName[]; readonly threads: number };

/** The bundled model's drawing and its U-Net alone, and one step of Kandinsky's full U-Net for two pictures. */
async function comparisons(
  modelDir: string,
  { against, threads, rounds, kandinsky }: ComparedOptions,
  python: string,
  scratch: string,
): Promise<Comparison[]> {
  const program = (name: PeerName): PeerProgram => ({
    name,
    command: python,
    args: [join(PROJECT_ROOT, 'src', 'engine', 'bench', 'peers', `${name}_peer.py`)],
  });
  const sides = (name: PeerName, ...precisions: Precision[]) =>
    against.includes(name) ? precisions.map((precision) => ({ program: program(name), precision })) : [];
  const own = [{ program: OWN, precision: 'float32' }] as const;
  const common = { own, threads, rounds };

  const drawing = await drawingWork(modelDir);
  const unet = (await readKandinskyFolder(modelDir)).components.unet;
  const step = await stepWork(unet, 2 * drawing.count);
  const bundled: Comparison[] = [
    { ...common, name: 'bundled', work: drawing, peers: sides('diffusers', 'float32', 'bfloat16') },
    {
      ...common,
      name: 'bundled',
      work: { ...step, graph: await writeUnetGraph(unet, join(scratch, 'bundled')) },
      peers: sides('openvino', 'float32', 'bfloat16'),
    },
  ];
  if (kandinsky === false) return bundled.filter(({ peers }) => peers.length > 0);

  const full = kandinsky ?? (await kandinskyUnetFolder(say));
  const graph = await writeUnetGraph(full, join(scratch, 'kandinsky22'));
  const work = { ...(await stepWork(full, 2, 64)), graph };
  const name = 'kandinsky22-unet';
  // A pair at a time: each holds gigabytes.
  const pairs = [...sides('diffusers', 'float32'), ...sides('openvino', 'float32', 'bfloat16')];
  const large = pairs.map(
    (side): Comparison => ({ ...common, name, work, peers: [side], rounds: Math.min(rounds, 5) }),
  );
  return [...bundled.filter(({ peers }) => peers.length > 0), ...large];
}

/** The engine's inference process: started twice, then asked for a drawing as the queue asks. */
async function measureStarts(modelDir: string, threads: number, rounds: number): Promise<Started> {
  const log = createLog('bench', { logLevel: 'silent' });
  const options = { modelDir, threads, precision: 'float32', concurrency: 8 } as const;
  const hooks = { signal: new AbortController().signal, onProgress: () => {} };
  const imagine = (settings: { steps?: number; count?: number }) => ({
    kind: 'imagine' as const,
    prompt: 'red heart',
    settings: { seed: 0, ...settings },
  });
  const seconds = async (work: () => Promise<unknown>) => {
    const start = performance.now();
    await work();
    return (performance.now() - start) / 1000;
  };

  await (await Inference.start(options, log)).close();
  let inference: Inference | undefined;
  const secondStart = await seconds(async () => {
    inference = await Inference.start(options, log);
  });
  const running = inference as unknown as Inference;
  try {
    const first = await seconds(() => running.draw(imagine({ steps: 1, count: 1 }), hooks));
    const times: number[] = [];
    for (let i = 0; i < rounds; i++) times.push(await seconds(() => running.draw(imagine({}), hooks)));
    return { secondStart, firstStep: secondStart + first, imagine: median(times) };
  } finally {
    await running.close();
  }
}

const OWN: PeerProgram = {
  name: 'unclip',
  command: process.execPath,
  args: [fileURLToPath(new URL('../engine/bench/own-peer.js', import.meta.url))],
};

function peerNames(text: string): PeerName[] {
  const names = text.split(',');
  const unknown = names.find((name) => !(PEERS as readonly string[]).includes(name));
  if (unknown !== undefined) throw new InvalidArgumentError(`Expected ${PEERS.join(' or ')}, found ${unknown}.`);
  return names as PeerName[];
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('Expected a whole number from 1.');
  return Number(text);
}
