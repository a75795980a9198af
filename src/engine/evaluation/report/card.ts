import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../../errors.ts';
import { Dataset } from '../../training/data/dataset.ts';
import { CARD, describeSet, withReport } from '../../training/model-card.ts';
import { replaceFile } from '../../training/replace-file.ts';
import { describePictures, type TrainedOn } from '../../training/trained-on.ts';
import { BARS, type FigureName, type Report } from './figures.ts';
import { describeReal, show } from './table.ts';

/** Figures of the model itself: speed is the machine's, and how large the files are can be seen. */
export const CARD_FIGURES = [
  'movq_psnr',
  'clip_pair_top1',
  'prompt_top1',
  'pair_top1',
  'hyponym_top1',
] as const satisfies FigureName[];

/**
 * Writes what was measured of a model into its card, in the place of what was measured before.
 * @param data  folder of the data set that it was measured on
 * @returns the path of the card
 * @throws InputError where nothing that belongs into a card was measured; the card is then as it was
 */
export async function writeReport(model: string, data: string, report: Report): Promise<string> {
  const path = join(model, CARD);
  const rows = rowsOf(report);
  if (rows.length === 0)
    throw new InputError(`${path} is as it was: of ${CARD_FIGURES.join(', ')}, which it can hold, none was measured`);
  const dataset = new Dataset(data);
  const set = await describePictures(dataset).finally(() => dataset.close());
  const before = existsSync(path) ? await readFile(path, 'utf8') : '';
  const card = withReport(before, markdown(rows, set));
  await replaceFile(path, (partial) => writeFile(partial, card));
  return path;
}

function rowsOf(report: Report): string[] {
  return CARD_FIGURES.flatMap((name) => {
    const figure = report[name];
    if (figure.value === null) return [];
    const { value, ofReal, note } = figure;
    const real = ofReal === undefined ? '' : describeReal(ofReal);
    return [`| \`${name}\` | ${BARS[name].meaning} | ${show(value, BARS[name])} | ${real} | ${note} |`];
  });
}

const markdown = (rows: readonly string[], set: TrainedOn['set']): string =>
  `By \`npm run train -- report --card\`, on ${describeSet({ set })}. The judge is a classifier
that has no part in the model; beside it stands what it says of real pictures of held-out pairs.

| Figure | What it is | Reached | The judge on real pictures | Of |
|---|---|---|---|---|
${rows.join('\n')}
`;
