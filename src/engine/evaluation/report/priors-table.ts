import { comparisonTable } from './comparison-table.ts';
import { percent } from './percent.ts';
import { nameOf, type PriorRow } from './priors.ts';
import { DRAWN } from './questions.ts';

/** The comparison of priors for people. */
export function formatPriors(compared: readonly PriorRow[]): string {
  const judged = DRAWN.filter((name) => compared.some((row) => 'judged' in row && row.judged[name] !== undefined));
  const heads = ['z_i of a text', 'cosine', 'centred', 'found', 'ms', ...judged];
  const rows = compared.map((row) => {
    if ('reason' in row) return { name: nameOf(row), reason: row.reason };
    const { cosine, centred, found, seconds } = row;
    const cells = [cosine.toFixed(3), centred.toFixed(3), percent(found), (1000 * seconds).toFixed(0)];
    return { lines: [[nameOf(row), ...cells, ...judged.map((name) => percent(row.judged[name] ?? 0))]] };
  });
  return comparisonTable(heads, rows, EXPLANATION);
}

const EXPLANATION = [
  'Captions of held-out pairs, seed 0. cosine: with z_i of the picture that the caption is of; centred: the mean of all',
  'pictures taken from both; found: the picture is the nearest of all held-out ones; ms: to make one z_i.',
];
