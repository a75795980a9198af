import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, View } from 'vega';
import { compile } from 'vega-lite';
import { InputError } from '../../errors.ts';

/** A line of log.jsonl: a step, or what was found at one. */
interface Entry {
  readonly step: number;
  readonly loss?: number;
  readonly evaluation?: Readonly<Record<string, number>>;
}

/** Points of a curve: what lies between two is averaged. */
const POINTS = 400;

/**
 * The curves of a run as SVG: the loss, averaged, and the figures on held-out pictures.
 * @throws InputError where the run has not begun
 */
export async function plotRun(folder: string): Promise<string> {
  const path = join(folder, 'log.jsonl');
  if (!existsSync(path)) throw new InputError(`${path} is missing: nothing has been trained there yet`);
  const entries: Entry[] = (await readFile(path, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const found = entries.flatMap(({ step, evaluation }) =>
    Object.entries(evaluation ?? {}).map(([figure, value]) => ({ step, figure, value })),
  );
  const figures = [...new Set(found.map(({ figure }) => figure))];
  const panel = (title: string, values: object[], scale: object) => ({
    width: 480,
    height: 160,
    data: { values },
    mark: { type: 'line', point: values.length < 40 },
    encoding: {
      x: { field: 'step', type: 'quantitative' },
      y: { field: 'value', type: 'quantitative', title, scale },
    },
  });
  const spec = {
    vconcat: [
      panel('loss', averaged(entries), { type: 'log' }),
      ...figures.map((name) =>
        panel(
          name,
          found.filter(({ figure }) => figure === name),
          { zero: false },
        ),
      ),
    ],
  };
  return new View(parse(compile(spec as Parameters<typeof compile>[0]).spec), { renderer: 'none' }).toSVG();
}

function averaged(entries: readonly Entry[]): { step: number; value: number }[] {
  const steps = entries.filter(({ loss }) => loss !== undefined);
  const size = Math.max(1, Math.ceil(steps.length / POINTS));
  return Array.from({ length: Math.ceil(steps.length / size) }, (_, i) => {
    const part = steps.slice(i * size, (i + 1) * size);
    return { step: part.at(-1)!.step, value: part.reduce((sum, { loss }) => sum + loss!, 0) / part.length };
  });
}
