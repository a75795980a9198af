import colors from 'picocolors';
import type { CompositionRow, Found } from './compositions.ts';

/** What became of compositions, for people. */
export function formatCompositions(rows: readonly CompositionRow[]): string {
  const lines = rows.flatMap(({ kind, count, drawn, ofReal }) => [
    line([kind, `${count}`, ...cellsOf(drawn)]),
    colors.dim(line(['  the compositions themselves', '', ...cellsOf(ofReal)])),
  ]);
  const heads = ['drawn of captions', 'count', 'things', 'colour', 'all'];
  return `${[line(heads), ...lines, '', ...EXPLANATION.map((text) => colors.dim(text))].join('\n')}\n`;
}

const EXPLANATION = [
  'Held-out compositions, seed 0. things: found by the judge, of two each in its place; colour: the word is the nearest to the',
  'colour at the edge, or of all that is coloured; all: the pictures with everything in them.',
];

const cellsOf = ({ things, colour, all }: Found) =>
  [things, colour, all].map((share) => (share === undefined ? '' : `${(100 * share).toFixed(1)} %`));
const line = ([name, ...cells]: readonly string[]) =>
  [name!.padEnd(30), ...cells.map((cell) => cell.padStart(10))].join('');
