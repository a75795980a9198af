import colors from 'picocolors';
import { textTable } from '../../text-table.ts';

/** Of what is compared: its lines of cells, or why there is nothing to compare. */
type Compared = { readonly lines: readonly (readonly string[])[] } | { readonly name: string; readonly reason: string };

/** A comparison for people: names to the left, figures to the right, and below the table what is missing, and notes. */
export function comparisonTable(
  heads: readonly string[],
  compared: readonly Compared[],
  notes: readonly string[],
): string {
  const rows = compared.flatMap((it) =>
    'reason' in it ? [[it.name, ...heads.slice(1).map(() => colors.yellow('–'))]] : it.lines,
  );
  const table = textTable(
    [heads, ...rows],
    heads.map((_, column) => (column === 0 ? 'left' : 'right')),
  );
  const missing = compared.flatMap((it) => ('reason' in it ? [colors.yellow(`${it.name}: ${it.reason}`)] : []));
  return `${table}\n${[...missing, ...notes.map(colors.dim)].map((line) => `${line}\n`).join('')}`;
}
