import type { Tensor } from '../tensor.ts';
import type { Component } from '../weights/component.ts';
import { RangeCollector } from './range-collector.ts';
import { writeRanges } from './ranges.ts';

/** A model's layers being watched while it draws. */
export class Calibration {
  /** MoVQ's encoder and decoder are two graphs of one component. */
  readonly #collectors = new Map<Component<unknown>, RangeCollector>();

  /** @returns what is to see the outputs of each run of one of the component's graphs */
  observer(component: Component<unknown>): (outputs: Record<string, Tensor>) => void {
    const collector = this.#collectors.get(component) ?? new RangeCollector(component);
    this.#collectors.set(component, collector);
    return (outputs) => collector.observe(outputs);
  }

  /** Writes the ranges of every component that ran beside its weights. @returns the files */
  async write(): Promise<string[]> {
    const used = [...this.#collectors.values()].filter(({ ranges }) => Object.keys(ranges).length > 0);
    return Promise.all(used.map(({ component, ranges }) => writeRanges(component, ranges)));
  }
}
