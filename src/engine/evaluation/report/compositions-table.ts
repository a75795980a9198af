import colors from 'picocolors';
import { textTable } from '../../text-table.ts';
import type { ComposedReport, Found } from './compositions.ts';
import { percent } from './percent.ts';

/** What became of compositions, for people. */
export function formatCompositions({ rows: compared, known }: ComposedReport): string {
  const heads = ['drawn of captions', 'count', 'things', 'colour', 'all'];
  const rows = compared.flatMap((row) => {
    if ('reason' in row) return [[row.kind, ...heads.slice(1).map(() => colors.yellow('–'))]];
    return [
      [row.kind, `${row.count}`, ...cellsOf(row.drawn)],
      ['  the compositions themselves', '', ...cellsOf(row.ofReal)].map(colors.dim),
    ];
  });
  const table = textTable([heads, ...rows], ['left', 'right', 'right', 'right', 'right']);
  const missing = compared.flatMap((row) => ('reason' in row ? [colors.yellow(`${row.kind}: ${row.reason}`)] : []));
  const notes = [...EXPLANATION, `Composed of what can be judged: ${known}.`].map(colors.dim);
  return `${table}\n${[...missing, ...notes].map((line) => `${line}\n`).join('')}`;
}

const EXPLANATION = [
  'Held-out compositions, seed 0. things: found by the judge, of two each in its place; colour: the word is the nearest to the',
  'colour at the edge, or of all that is coloured; all: the pictures with everything in them.',
];

const cellsOf = ({ things, colour, all }: Found) =>
  [things, colour, all].map((share) => (share === undefined ? '' : percent(share)));
