import colors from 'picocolors';
import { textTable } from '../../text-table.ts';
import type { CompositionRow, Found } from './compositions.ts';
import { percent } from './percent.ts';

/** What became of compositions, for people. */
export function formatCompositions(compared: readonly CompositionRow[]): string {
  const rows = compared.flatMap(({ kind, count, drawn, ofReal }) => [
    [kind, `${count}`, ...cellsOf(drawn)],
    ['  the compositions themselves', '', ...cellsOf(ofReal)].map(colors.dim),
  ]);
  const heads = ['drawn of captions', 'count', 'things', 'colour', 'all'];
  const table = textTable([heads, ...rows], ['left', 'right', 'right', 'right', 'right']);
  return `${table}\n${EXPLANATION.map((text) => `${colors.dim(text)}\n`).join('')}`;
}

const EXPLANATION = [
  'Held-out compositions, seed 0. things: found by the judge, of two each in its place; colour: the word is the nearest to the',
  'colour at the edge, or of all that is coloured; all: the pictures with everything in them.',
];

const cellsOf = ({ things, colour, all }: Found) =>
  [things, colour, all].map((share) => (share === undefined ? '' : percent(share)));
