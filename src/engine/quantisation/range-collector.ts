import type { Tensor } from '../tensor.ts';
import type { Component } from '../weights/component.ts';
import type { LayerRanges, Ranges } from './ranges.ts';

/** What a calibration graph gives besides the network's own outputs, by layer. */
const OUTPUT = /^range\.(.+)\.(input|output)\.(min|max)$/;

export const rangeOutput = (layer: string, of: 'input' | 'output', end: 'min' | 'max') => `range.${layer}.${of}.${end}`;

interface Extremes {
  min: Float32Array;
  max: Float32Array;
}

/** Gathers the ranges of the layers of one component, over runs. */
export class RangeCollector {
  readonly component: Component<unknown>;
  readonly #layers = new Map<string, { input?: Extremes; output?: Extremes }>();

  constructor(component: Component<unknown>) {
    this.component = component;
  }

  /** @param outputs  of a run of a calibration graph */
  observe(outputs: Readonly<Record<string, Tensor>>): void {
    for (const [name, { data }] of Object.entries(outputs)) {
      const [, layer, of, end] = OUTPUT.exec(name) ?? [];
      if (layer) this.#widen(layer, of as 'input' | 'output', end as 'min' | 'max', data);
    }
  }

  get ranges(): Ranges {
    const layers = [...this.#layers].map(([layer, { input, output }]): [string, LayerRanges] => {
      const [range] = pairs(input!);
      return [layer, output ? { input: range!, output: pairs(output) } : { input: range! }];
    });
    return Object.fromEntries(layers);
  }

  #widen(layer: string, of: 'input' | 'output', end: 'min' | 'max', values: Float32Array): void {
    const found = this.#layers.get(layer) ?? {};
    const extremes = found[of] ?? { min: values.slice(), max: values.slice() };
    found[of] = extremes;
    const further = Math[end];
    for (const [i, value] of values.entries()) extremes[end][i] = further(extremes[end][i]!, value);
    this.#layers.set(layer, found);
  }
}

const pairs = ({ min, max }: Extremes) => Array.from(min, (low, i): [number, number] => [low, max[i]!]);
