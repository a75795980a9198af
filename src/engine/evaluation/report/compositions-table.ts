import colors from 'picocolors';
import { comparisonTable } from './comparison-table.ts';
import type { ComposedReport, Found } from './compositions.ts';
import { percent } from './percent.ts';

/** What became of compositions, for people. */
export function formatCompositions({ rows, known }: ComposedReport): string {
  const heads = ['drawn of captions', 'count', 'things', 'colour', 'all'];
  const compared = rows.map((row) => {
    if ('reason' in row) return { name: row.kind, reason: row.reason };
    const ofReal = ['  the compositions themselves', '', ...cellsOf(row.ofReal)].map(colors.dim);
    return { lines: [[row.kind, `${row.count}`, ...cellsOf(row.drawn)], ofReal] };
  });
  return comparisonTable(heads, compared, [...EXPLANATION, `Composed of what can be judged: ${known}.`]);
}

const EXPLANATION = [
  'Held-out compositions, seed 0. things: found by the judge, of two each in its place; colour: the word is the nearest to the',
  'colour at the edge, or of all that is coloured; all: the pictures with everything in them.',
];

const cellsOf = ({ things, colour, all }: Found) =>
  [things, colour, all].map((share) => (share === undefined ? '' : percent(share)));
