import colors from 'picocolors';
import { median } from '../median.ts';
import { textTable } from '../text-table.ts';
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

type Row = readonly [name: string, value: string, note?: string];
const titled = (title: string, rows: readonly Row[]) =>
  `${colors.bold(title)}\n${textTable(
    rows.map(([name, value, note = '']) => [name, value, colors.dim(note)]),
    ['left', 'right', 'left'],
  )}`;

export function formatMeasured(model: string, measured: Measured, started: Started): string {
  const megabytes = (bytes: number) => `${Math.round(bytes / MEGABYTE)} MB`;
  return titled(model, [
    ['load and first drawing', seconds(measured.loadSeconds)],
    ...Object.entries(measured.networks).map(([name, value]): Row => [`one run of ${name}`, milliseconds(value)]),
    ['drawing', seconds(measured.drawSeconds), `${measured.picturesPerSecond.toFixed(2)} pictures a second`],
    ['/imagine, warm', seconds(started.imagine), 'from the task to the PNGs'],
    ['second start until ready', seconds(started.secondStart)],
    ['second start to the first step', seconds(started.firstStep), 'all networks loaded'],
    [
      'memory above the weights',
      megabytes(measured.memoryAboveWeightsBytes),
      `weights: ${megabytes(measured.weightsBytes)}`,
    ],
  ]);
}

export function formatTimes(name: string, times: readonly Times[]): string {
  const rows = times.map(({ program, precision, seconds: values, problem }): Row => {
    const side = `${program} ${precision}`;
    if (values.length === 0) return [side, '–', problem];
    return [side, show(median(values)), `${values.length} times, fastest ${show(Math.min(...values))}`];
  });
  return titled(name, rows);
}

export function formatRatios(ratios: Readonly<Record<string, number>>): string {
  const rows = Object.entries(ratios).map(([name, value]): Row => [name, `${value.toFixed(2)} ×`]);
  return titled('How many times as fast we are', rows);
}

const show = (value: number) => milliseconds(1000 * value);
