import { concatRows, rows, type Tensor } from '../tensor.ts';

/** Inputs of a network whose first axis counts rows: tensors (R, …), and lists with a number a row. */
type Rows<Inputs> = { readonly [name in keyof Inputs]: Tensor | readonly number[] };

interface Call<Inputs> {
  readonly inputs: Inputs;
  readonly rows: number;
  /** Only calls of the same shapes can share a run. */
  readonly shape: string;
  readonly resolve: (output: Tensor) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Continuous batching at step boundaries: each picture is drawn by its own sampler, and all that wait for the same
 * network share its next run, whatever their timesteps, seeds and guidance. Pictures join and leave at any step.
 *
 * @param network (R, …) → (R, …)
 * @param maxRows rows in one run; a picture under guidance has two. A single call may be larger.
 * @returns the network as each picture sees it: its own rows in, its own rows out
 */
export function batchRows<Inputs extends Rows<Inputs>>(
  network: (inputs: Inputs) => Promise<Tensor>,
  maxRows: number,
): (inputs: Inputs) => Promise<Tensor> {
  const waiting: Call<Inputs>[] = [];
  const stack = createStack<Inputs>();
  let running = false;

  async function run() {
    running = true;
    while (waiting.length > 0) {
      // Pictures whose step has just ended ask for their next one before the loop comes back from here.
      await new Promise(setImmediate);
      const calls = takeBatch(waiting, maxRows);
      try {
        const output = await network(stack(calls.map((call) => call.inputs)));
        let from = 0;
        for (const call of calls) {
          call.resolve(rows(output, from, from + call.rows));
          from += call.rows;
        }
      } catch (error) {
        for (const call of calls) call.reject(error);
      }
    }
    running = false;
  }

  return (inputs) =>
    new Promise((resolve, reject) => {
      waiting.push({ inputs, rows: rowCount(inputs), shape: shapeOf(inputs), resolve, reject });
      if (!running) void run();
    });
}

/** A network whose runs are shared. */
export function batched<Inputs extends Rows<Inputs>, Network>(
  network: Network & { predict(inputs: Inputs): Promise<Tensor> },
  maxRows: number,
): Network {
  return { ...network, predict: batchRows((inputs: Inputs) => network.predict(inputs), maxRows) };
}

/** The first waiting call and all that fit beside it, in the order of their coming. */
function takeBatch<Inputs>(waiting: Call<Inputs>[], maxRows: number): Call<Inputs>[] {
  const batch: Call<Inputs>[] = [];
  let total = 0;
  for (let i = 0; i < waiting.length; ) {
    const call = waiting[i] as Call<Inputs>;
    const fits = batch.length === 0 || (call.shape === batch[0]?.shape && total + call.rows <= maxRows);
    if (!fits) {
      i++;
      continue;
    }
    batch.push(call);
    total += call.rows;
    waiting.splice(i, 1);
  }
  return batch;
}

const isTensor = (value: Tensor | readonly number[]): value is Tensor => 'shape' in value;

function rowCount<Inputs extends Rows<Inputs>>(inputs: Inputs): number {
  const [first] = Object.values<Tensor | readonly number[]>(inputs);
  if (!first) throw new RangeError('a network needs inputs');
  return isTensor(first) ? (first.shape[0] as number) : first.length;
}

function shapeOf<Inputs extends Rows<Inputs>>(inputs: Inputs): string {
  return Object.values<Tensor | readonly number[]>(inputs)
    .map((value) => (isTensor(value) ? value.shape.slice(1).join('×') : ''))
    .join(' ');
}

/**
 * Puts the rows of calls below each other. What pictures are drawn from stays the same from step to step: tensors that
 * were below each other the last time are not copied again.
 */
function createStack<Inputs extends Rows<Inputs>>(): (parts: readonly Inputs[]) => Inputs {
  let last: Record<string, { readonly of: readonly Tensor[]; readonly stacked: Tensor }> = {};
  return (parts) => {
    const [first] = parts as readonly [Inputs, ...Inputs[]];
    if (parts.length === 1) return first;
    const next: typeof last = {};
    const stacked = Object.keys(first).map((name) => {
      const values = parts.map((part) => part[name as keyof Inputs] as Tensor | readonly number[]);
      if (!values.every(isTensor)) return [name, values.flat()];
      const known = last[name];
      const isKnown = known?.of.length === values.length && known.of.every((value, i) => value === values[i]);
      next[name] = isKnown ? known : { of: values, stacked: concatRows(values) };
      return [name, next[name].stacked];
    });
    last = next;
    return Object.fromEntries(stacked) as Inputs;
  };
}
