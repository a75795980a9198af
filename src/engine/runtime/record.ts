import { OnnxOps } from '../ops/onnx-ops.ts';
import { CalibrationOps } from '../quantisation/calibration-ops.ts';
import { QuantisedOps } from '../quantisation/quantised-ops.ts';
import { quantisedWeights } from '../quantisation/quantised-weights.ts';
import { readRanges } from '../quantisation/ranges.ts';
import type { Tensor } from '../tensor.ts';
import type { Component } from '../weights/component.ts';
import { type GraphBuilder, recordGraph } from './graphs.ts';
import type { RuntimeOptions } from './runtime.ts';
import { Session } from './session.ts';

/**
 * A network of a component, in the precision that is asked for: float32 where it wasn't calibrated, or isn't run on the CPU.
 * @param part  its name, of a component that has several
 * @throws WeightMismatchError; StaleRangesError when its weights were changed since
 */
export async function record<C>(
  component: Component<C>,
  build: GraphBuilder<C>,
  options: RuntimeOptions,
  part?: string,
): Promise<Session> {
  const name = part === undefined ? component.name : `${component.name}: ${part}`;
  const graph = (ops: OnnxOps) => recordGraph(component, build, new Set(), ops);
  const { calibration, precision, executionProviders = ['cpu'] } = options;
  if (calibration) {
    const observe = calibration.observer(component);
    // Ranges are of all rows.
    return new ObservedSession(observe, graph(new CalibrationOps()), { ...options, lanes: 1 }, name);
  }
  const ranges = precision === 'int8' && executionProviders[0] === 'cpu' ? await readRanges(component) : undefined;
  const ops = ranges ? new QuantisedOps(await quantisedWeights(component, ranges)) : new OnnxOps();
  return new Session(graph(ops), options, name);
}

/** Shows all outputs of each run, whichever are wanted. */
class ObservedSession extends Session {
  readonly #observe: (outputs: Record<string, Tensor>) => void;

  constructor(observe: (outputs: Record<string, Tensor>) => void, ...rest: ConstructorParameters<typeof Session>) {
    super(...rest);
    this.#observe = observe;
  }

  override async run(inputs: Parameters<Session['run']>[0]): Promise<Record<string, Tensor>> {
    const outputs = await super.run(inputs);
    this.#observe(outputs);
    return outputs;
  }
}
