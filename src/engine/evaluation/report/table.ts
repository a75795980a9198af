import colors from 'picocolors';
import { textTable } from '../../text-table.ts';
import { BARS, type Bar, FIGURES, type Figure, type OfReal, type Report } from './figures.ts';
import { describeNew } from './new-drawings.ts';
import { percent } from './percent.ts';

/** The report for people: each figure with its bar, what it means, and what the judge says of real pictures. */
export function formatTable(report: Report): string {
  const rows = FIGURES.flatMap((name) => {
    const bar = BARS[name];
    const figure = report[name];
    const wanted = `${bar.atMost ? '≤' : '≥'} ${show(bar.bar, bar, true)}`;
    const cells = [name, colored(figure, bar, found(figure, bar)), colors.dim(wanted), bar.meaning];
    return [cells, ...remarks(figure).map((remark) => ['', '', '', colors.dim(remark)])];
  });
  return textTable(rows, ['left', 'right', 'right', 'left']);
}

const found = (figure: Figure, bar: Bar) => (figure.value === null ? '–' : show(figure.value, bar));

function remarks(figure: Figure): string[] {
  if (figure.value === null) return [figure.reason];
  const { note, ofReal } = figure;
  return [note, ...(ofReal === undefined ? [] : [`the judge of real held-out pictures: ${describeReal(ofReal)}`])];
}

/** What the judge says of real pictures. */
export const describeReal = ({ share, ofNew }: OfReal): string =>
  [percent(share), ...(ofNew ? [describeNew(ofNew)] : [])].join(', ');

/** With its unit. @param whole  without decimals, as a bar is */
export function show(value: number, { unit }: Bar, whole = false): string {
  if (unit === '%') return whole ? `${Math.round(100 * value)} %` : percent(value);
  return `${value.toFixed(unit === '×' ? 2 : whole ? 0 : 1)} ${unit}`;
}

function colored({ value }: Figure, { bar, atMost }: Bar, text: string): string {
  if (value === null) return colors.yellow(text);
  return (atMost ? value <= bar : value >= bar) ? colors.green(text) : colors.red(text);
}
