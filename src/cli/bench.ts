import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { loadConfig, PROJECT_ROOT } from '../config.ts';
import { compare, ratios, type Times } from '../engine/bench/compare.ts';
import { comparisons, PEERS, type PeerName } from '../engine/bench/comparisons.ts';
import { measure } from '../engine/bench/measure.ts';
import type { PeerProgram, Precision } from '../engine/bench/peer.ts';
import { peerPython } from '../engine/bench/python.ts';
import { formatMeasured, formatRatios, formatTimes, type Started } from '../engine/bench/table.ts';
import { drawingWork, kandinskyUnetFolder, STEPS } from '../engine/bench/works.ts';
import { cacheDir } from '../engine/cache.ts';
import { median } from '../engine/median.ts';
import { choosePrecision, type Precision as EnginePrecision, PRECISIONS } from '../engine/quantisation/precision.ts';
import { Inference } from '../engine/service/inference.ts';
import type { InferenceOptions } from '../engine/service/inference-messages.ts';
import { InputError } from '../errors.ts';
import { createLog } from '../log.ts';
import { wholeNumber } from './numbers.ts';
import { say } from './say.ts';

interface Options {
  readonly model?: string;
  readonly against?: PeerName[];
  readonly threads?: number;
  readonly precision?: EnginePrecision;
  readonly rounds: number;
  readonly kandinsky?: string | false;
  readonly python?: string;
  readonly json?: true;
}

export const bench = new Command('bench')
  .description('Measure how fast the engine is on this machine, and beside what people use else.')
  .option('--model <dir>', 'model folder (default: MODEL_DIR, or the bundled model)')
  .option('--against <peers>', `some of ${PEERS.join(', ')}: the same work in the same minutes, in turn`, peerNames)
  .option('--threads <n>', 'threads of each side (default: ENGINE_THREADS)', wholeNumber(1))
  .addOption(
    new Option('--precision <name>', 'of what is measured alone (default: ENGINE_PRECISION, or auto)').choices(
      PRECISIONS,
    ),
  )
  .option('--rounds <n>', 'how often each side works', wholeNumber(1), 7)
  .option('--kandinsky <dir>', "Kandinsky 2.2's U-Net (default: one of random weights, made at first use, 5 GB)")
  .option('--no-kandinsky', 'leave out the U-Net of Kandinsky 2.2')
  .addOption(new Option('--python <program>', 'a Python with the packages of the peers').env('PYTHON'))
  .option('--json', 'one JSON object on stdout instead of the table')
  .action(run);

async function run(options: Options): Promise<void> {
  // Of the minute before: from here on the measuring itself is in it.
  const loadBefore = Number(loadavg()[0]!.toFixed(2));
  const config = loadConfig();
  const threads = options.threads ?? config.engineThreads;
  const modelDir = options.model ?? config.modelDir;
  const print = (text: string) => (options.json ? process.stderr : process.stdout).write(`${text}\n`);

  const { precision } = await choosePrecision(modelDir, options.precision ?? config.enginePrecision);
  const measured = await measure(OWN, { work: await drawingWork(modelDir), precision, threads }, options.rounds);
  const started = await measureStarts(
    { modelDir, threads, provider: 'cpu', precision, concurrency: 8 },
    options.rounds,
  );
  const machine =
    `${threads} threads of ${cpus()[0]?.model ?? 'this processor'}, ` +
    `load before it began: ${loadBefore} on ${availableParallelism()} cores`;
  print(formatMeasured(`${basename(modelDir)} in ${precision}, ${machine}`, measured, started));

  const times: Record<string, Times[]> = {};
  const found: Record<string, number> = {};
  if (options.against) {
    const python = await peerPython(options.python, say);
    await mkdir(cacheDir(), { recursive: true });
    const scratch = await mkdtemp(cacheDir('bench-'));
    try {
      const all = await comparisons({
        modelDir,
        precisions: await precisionsOf(modelDir),
        kandinsky: await kandinskyOf(options),
        against: options.against,
        own: OWN,
        peers: { diffusers: peerProgram(python, 'diffusers'), openvino: peerProgram(python, 'openvino') },
        threads,
        rounds: options.rounds,
        scratch,
      });
      for (const comparison of all) {
        const { name, work, own } = comparison;
        const title = `${name}: one ${work.kind === 'unet' ? 'step' : 'drawing'}`;
        const sides = await compare(comparison, say);
        times[title] = [...(times[title] ?? []), ...sides];
        Object.assign(found, ratios(name, sides.slice(0, own.length), sides.slice(own.length)));
        print(formatTimes(title, sides));
      }
    } finally {
      await rm(scratch, { recursive: true });
    }
    print(formatRatios(found));
  }
  if (options.json)
    console.log(JSON.stringify({ threads, precision, loadBefore, ...measured, ...started, times, ratios: found }));
}

const peerProgram = (python: string, name: PeerName): PeerProgram => ({
  name,
  command: python,
  args: [join(PROJECT_ROOT, 'src', 'engine', 'bench', 'peers', `${name}_peer.py`)],
});

async function kandinskyOf({ kandinsky }: Options) {
  if (kandinsky === false) return undefined;
  const unet = kandinsky ?? (await kandinskyUnetFolder(say));
  return { unet, precisions: await precisionsOf(unet) };
}

/** int8 too, where the model was calibrated. */
async function precisionsOf(folder: string): Promise<Precision[]> {
  try {
    await choosePrecision(folder, 'int8');
    return ['float32', 'int8'];
  } catch (error) {
    if (error instanceof InputError) return ['float32'];
    throw error;
  }
}

/** The engine's inference process: started twice, then asked for a drawing as the queue asks. */
async function measureStarts(options: InferenceOptions, rounds: number): Promise<Started> {
  const log = createLog('bench', { logLevel: 'silent' });
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
    for (let i = 0; i < rounds; i++) times.push(await seconds(() => running.draw(imagine({ steps: STEPS }), hooks)));
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
