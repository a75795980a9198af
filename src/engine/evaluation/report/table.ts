import colors from 'picocolors';
import { BARS, type Bar, FIGURES, type Figure, type Report } from './figures.ts';

/** The report for people: each figure with its bar, what it means, and what the judge says of real pictures. */
export function formatTable(report: Report): string {
  const lines = FIGURES.map((name) => {
    const bar = BARS[name];
    const figure = report[name];
    const wanted = `${bar.atMost ? '≤' : '≥'} ${show(bar.bar, bar, true)}`;
    const cells = [
      name.padEnd(14),
      colored(figure, bar, found(figure, bar).padStart(8)),
      colors.dim(wanted.padStart(9)),
      bar.meaning,
    ];
    return [`${cells.join('  ')}`, ...remarks(figure, bar).map((remark) => colors.dim(`${' '.repeat(37)}${remark}`))];
  });
  return `${lines.flat().join('\n')}\n`;
}

const found = (figure: Figure, bar: Bar) => (figure.value === null ? '–' : show(figure.value, bar));

function remarks(figure: Figure, bar: Bar): string[] {
  if (figure.value === null) return [figure.reason];
  const { note, ofReal } = figure;
  return [note, ...(ofReal === undefined ? [] : [`the judge of real held-out pictures: ${show(ofReal, bar)}`])];
}

function show(value: number, { unit }: Bar, whole = false): string {
  if (unit === '%') return `${(100 * value).toFixed(whole ? 0 : 1)} %`;
  return `${value.toFixed(unit === '×' ? 2 : whole ? 0 : 1)} ${unit}`;
}

function colored({ value }: Figure, { bar, atMost }: Bar, text: string): string {
  if (value === null) return colors.yellow(text);
  return (atMost ? value <= bar : value >= bar) ? colors.green(text) : colors.red(text);
}
