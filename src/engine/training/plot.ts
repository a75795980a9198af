import { basename, join } from 'node:path';
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { InputError } from '../../errors.ts';
import { groupBy } from '../group-by.ts';
import { type LogEntry, readLog } from './run-log.ts';

interface Point {
  readonly step: number;
  readonly figure: string;
  readonly value: number;
}

/** Points of a curve: what lies between two is averaged. */
const POINTS = 400;
/** Figures of a step that are no part of the loss. */
const BESIDE_THE_LOSS = new Set(['norm', 'learningRate', 'rate', 'scale']);
const NO_FIGURES = new Set(['step', 'time', 'evaluation']);

/**
 * The curves of a run as SVG: the loss and its parts, gradient norm, learning rate and samples a second, averaged over
 * neighbouring steps, and below them the figures on held-out pictures.
 * @throws InputError where the run has not begun
 */
export async function plotRun(folder: string): Promise<string> {
  const path = join(folder, 'log.jsonl');
  const entries = await readLog(path);
  if (entries.length === 0) throw new InputError(`${path} is missing or empty: nothing has been trained there yet`);
  const curves = averaged(entries.filter(({ evaluation }) => evaluation === undefined));
  const found = entries.flatMap(({ step, evaluation }) =>
    Object.entries(evaluation ?? {}).map(([figure, value]): Point => ({ step, figure, value })),
  );
  const last = entries.at(-1)!.step;
  const beside = curves.filter(({ figure }) => BESIDE_THE_LOSS.has(figure));
  const spec: TopLevelSpec = {
    title: `${basename(folder)}, ${last} steps`,
    vconcat: [
      panel(
        'loss',
        curves.filter(({ figure }) => !BESIDE_THE_LOSS.has(figure)),
        last,
        'log',
      ),
      ...[beside, found].flatMap((points) =>
        [...byFigure(points)].map(([title, values]) => panel(title, values, last, 'linear')),
      ),
    ],
  };
  return new View(parse(compile(spec).spec), { renderer: 'none' }).toSVG();
}

function averaged(steps: readonly LogEntry[]): Point[] {
  const size = Math.max(1, Math.ceil(steps.length / POINTS));
  const parts = Array.from({ length: Math.ceil(steps.length / size) }, (_, i) => steps.slice(i * size, (i + 1) * size));
  return parts.flatMap((part) => {
    const figures = Object.keys(part[0]!).filter((figure) => !NO_FIGURES.has(figure));
    return figures.map((figure) => {
      const value = part.reduce((sum, entry) => sum + Number(entry[figure]), 0) / part.length;
      return { step: part.at(-1)!.step, figure, value };
    });
  });
}

const byFigure = (points: readonly Point[]) => groupBy(points, ({ figure }) => figure);

function panel(title: string, values: readonly Point[], last: number, type: 'log' | 'linear') {
  const figures = [...new Set(values.map(({ figure }) => figure))];
  return {
    ...{ width: 560, height: 120 },
    data: { values: [...values] },
    mark: { type: 'line' as const, point: values.length < 40 * figures.length },
    encoding: {
      x: { field: 'step', type: 'quantitative' as const, scale: { domain: [0, last], nice: false } },
      y: {
        field: 'value',
        type: 'quantitative' as const,
        title,
        scale: { type, nice: false, ...(type === 'linear' && { zero: false }) },
      },
      ...(figures.length > 1 && { color: { field: 'figure', type: 'nominal' as const, sort: figures, title: null } }),
    },
  };
}
