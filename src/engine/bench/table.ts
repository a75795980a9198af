import colors from 'picocolors';
import { median } from '../median.ts';
import type { Times } from './compare.ts';
import type { Measured } from './measure.ts';

/** What is measured in the engine process, beside `Measured`; seconds. */
export interface Started {
  /** From the start of the engine's inference process to the moment that it takes jobs; the second start. */
  readonly secondStart: number;
  /** From the same moment to the end of its first drawing, one picture in one step. */
  readonly firstStep: number;
  /** A warm /imagine of four pictures, from the task to the PNGs, previews and all. */
  readonly imagine: number;
}

const MEGABYTE = 2 ** 20;
const seconds = (value: number) => `${value.toFixed(2)} s`;
const milliseconds = (value: number) => `${value.toFixed(1)} ms`;
const row = (name: string, value: string, note = '') => `${name.padEnd(34)}${value.padStart(10)}  ${colors.dim(note)}`;

export function formatMeasured(model: string, measured: Measured, started: Started): string {
  const megabytes = (bytes: number) => `${Math.round(bytes / MEGABYTE)} MB`;
  const lines = [
    colors.bold(model),
    row('load and first drawing', seconds(measured.loadSeconds)),
    ...Object.entries(measured.networks).map(([name, value]) => row(`one run of ${name}`, milliseconds(value))),
    row('drawing', seconds(measured.drawSeconds), `${measured.picturesPerSecond.toFixed(2)} pictures a second`),
    row('/imagine, warm', seconds(started.imagine), 'from the task to the PNGs'),
    row('second start until ready', seconds(started.secondStart)),
    row('second start to the first step', seconds(started.firstStep), 'all networks loaded'),
    row(
      'memory above the weights',
      megabytes(measured.memoryAboveWeightsBytes),
      `weights: ${megabytes(measured.weightsBytes)}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

export function formatTimes(name: string, times: readonly Times[]): string {
  const lines = times.map(({ program, precision, seconds: values, problem }) => {
    const side = `${program} ${precision}`;
    return values.length > 0
      ? row(side, milliseconds(1000 * median(values)), `${values.length} times, fastest ${show(Math.min(...values))}`)
      : row(side, '–', problem);
  });
  return `${[colors.bold(name), ...lines].join('\n')}\n`;
}

export function formatRatios(ratios: Readonly<Record<string, number>>): string {
  const lines = Object.entries(ratios).map(([name, value]) => row(name, `${value.toFixed(2)} ×`));
  return `${[colors.bold('How many times as fast we are'), ...lines].join('\n')}\n`;
}

const show = (value: number) => milliseconds(1000 * value);
