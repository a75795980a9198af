import colors from 'picocolors';
import { nameOf, type PriorRow } from './priors.ts';
import { DRAWN } from './questions.ts';

/** The comparison of priors for people. */
export function formatPriors(compared: readonly PriorRow[]): string {
  const judged = DRAWN.filter((name) => compared.some((row) => 'judged' in row && row.judged[name] !== undefined));
  const heads = ['z_i of a text', 'cosine', 'centred', 'found', 'ms', ...judged];
  const lines = compared.map((row) => {
    if ('reason' in row) return `${nameOf(row).padEnd(NAME)}  ${colors.yellow(row.reason)}`;
    const { cosine, centred, found, seconds } = row;
    const cells = [cosine.toFixed(3), centred.toFixed(3), percent(found), (1000 * seconds).toFixed(0)];
    return line([nameOf(row), ...cells, ...judged.map((name) => percent(row.judged[name] ?? 0))]);
  });
  return `${[line(heads), ...lines, '', ...EXPLANATION.map((text) => colors.dim(text))].join('\n')}\n`;
}

const NAME = 'diffusion, best of 2'.length;
const EXPLANATION = [
  'Captions of held-out pairs, seed 0. cosine: with z_i of the picture that the caption is of; centred: the mean of all',
  'pictures taken from both; found: the picture is the nearest of all held-out ones; ms: to make one z_i.',
];

const line = ([name, ...cells]: readonly string[]) =>
  [name!.padEnd(NAME), ...cells.map((cell) => cell.padStart(12))].join('');
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
