import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keepAttribution, readAttributions, writeAttribution } from '../../src/engine/training/attributions.ts';
import { withCompositions } from '../../src/engine/training/data/compose/composed-set.ts';
import { Dataset } from '../../src/engine/training/data/dataset.ts';
import { describeSet } from '../../src/engine/training/model-card.ts';
import { keepExtraData, keepTrainedOn, trainedOn, writeTrainedOn } from '../../src/engine/training/trained-on.ts';
import { writeTinyDataset } from '../report/tiny-dataset.ts';

let dir: string;
const path = (...names: string[]) => join(dir, ...names);
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unclip-trained-on-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function openSet(name: string, ...names: string[]): Promise<Dataset> {
  const pictures = names.map((concept) => ({ concept, style: 'flat', split: 'train' as const }));
  const heldOut = { concept: names[0]!, style: 'striped', split: 'held-out-pair' as const };
  await writeTinyDataset(
    path(name),
    names.map((it) => ({ name: it })),
    [...pictures, heldOut],
  );
  return new Dataset(path(name));
}

test('a model is trained on what the one that it began from was, and on the data set of its own', async () => {
  const [first, own] = [await openSet('first', 'red', 'green'), await openSet('own', 'blue')];
  await writeFile(path('first', 'ATTRIBUTION.md'), 'Squares, by us\n');
  const ofFirst = await trainedOn(path('nothing'), path('first'), withCompositions(first, { count: 5, seed: 0 }));
  const set = { pictures: 2, concepts: 2, composed: 0, heldOut: 1, styles: ['flat', 'striped'] };
  expect(ofFirst).toEqual([{ attributed: true, set: { ...set, composed: 5, digest: expect.any(String) } }]);
  await mkdir(path('model'));
  await writeTrainedOn(path('model'), ofFirst);

  for (const _ of ['once', 'called again']) await keepTrainedOn(path('model'), path('runs'));
  const both = await trainedOn(path('runs'), path('own'), own);
  expect(both).toEqual([
    ...ofFirst,
    { attributed: false, set: { ...set, pictures: 1, concepts: 1, digest: await own.digest() } },
  ]);

  // from there on with the same pictures, whose works stand beside them now
  await writeTrainedOn(path('model'), both);
  await rm(path('runs'), { recursive: true });
  await keepTrainedOn(path('model'), path('runs'));
  await writeFile(path('own', 'ATTRIBUTION.md'), 'More squares, by us\n');
  expect(await trainedOn(path('runs'), path('own'), own)).toEqual([...ofFirst, { ...both[1], attributed: true }]);
  for (const it of [first, own]) it.close();
});

test('pictures that the encoder of pictures alone learns from are told with their works, once', async () => {
  const [glyphs, own] = [await openSet('glyphs', 'red', 'green'), await openSet('own', 'blue')];
  await writeFile(path('glyphs', 'ATTRIBUTION.md'), 'Glyphs, by them\n');
  await mkdir(path('model'));
  await writeFile(path('model', 'ATTRIBUTION.md'), 'Squares, by us\n');
  await writeTrainedOn(path('model'), [{ attributed: true }]);
  await keepTrainedOn(path('model'), path('runs'));
  await keepAttribution(path('model'), path('runs'));
  for (const _ of ['once', 'called again']) await keepExtraData(path('glyphs'), path('runs'));
  expect(await trainedOn(path('runs'), path('own'), own)).toMatchObject([
    { attributed: true },
    { attributed: true, learnedBy: 'image encoder', set: { pictures: 2 } },
    { attributed: false, set: { pictures: 1 } },
  ]);
  expect(await readFile(path('runs', 'ATTRIBUTION.md'), 'utf8')).toBe('Squares, by us\n\nGlyphs, by them\n');
  expect(await readAttributions(path('runs'), path('own'))).toBe('Squares, by us\n\nGlyphs, by them\n');
  await writeFile(path('own', 'ATTRIBUTION.md'), 'More squares\n');
  expect(await readAttributions(path('runs'), path('own'))).toContain('Glyphs, by them\n\nMore squares\n');
  await writeFile(path('own', 'ATTRIBUTION.md'), 'Glyphs, by them\n');
  expect(await readAttributions(path('runs'), path('own'))).toBe('Squares, by us\n\nGlyphs, by them\n');
  for (const it of [glyphs, own]) it.close();
});

test('what people have written into ATTRIBUTION.md stays when a data set is built again, and goes into a model', async () => {
  await mkdir(path('own'));
  const file = path('own', 'ATTRIBUTION.md');
  const read = () => readFile(file, 'utf8');
  const works = '# Attribution\nCaptions, by them\n';
  await writeFile(file, 'Squares, by us\n');
  for (const _ of ['once', 'called again']) await writeAttribution(path('own'), works);
  expect(await read()).toMatch(/^# Attribution\nCaptions, by them\n<!-- .* npm run data\. .* -->\n\nSquares, by us\n$/);
  expect(await readAttributions(path('runs'), path('own'))).toBe(`${works}\nSquares, by us\n`);
  // by people whose editor ends lines otherwise
  await writeFile(file, (await read()).replaceAll('\n', '\r\n'));
  await writeAttribution(path('own'), works.replace('them', 'others'));
  expect(await read()).toMatch(/^# Attribution\nCaptions, by others\n<!-- .* -->\n\nSquares, by us\r\n$/);
  for (const _ of ['no works any more', 'called again']) await writeAttribution(path('own'));
  expect(await read()).toBe('Squares, by us\r\n');
});

test('an ATTRIBUTION.md in which people have written nothing goes with the works', async () => {
  await mkdir(path('own'));
  const works = '# Attribution\nCaptions, by them\n';
  // from before there was a mark
  await writeFile(path('own', 'ATTRIBUTION.md'), works);
  await writeAttribution(path('own'), works);
  expect(await readAttributions(path('runs'), path('own'))).toBe(works);
  await writeAttribution(path('own'));
  expect(await readAttributions(path('runs'), path('own'))).toBeUndefined();
});

test('what a model was trained on that does not say is not known, and damaged files are refused', async () => {
  const own = await openSet('own', 'blue');
  await mkdir(path('model'));
  await keepTrainedOn(path('model'), path('runs'));
  const [before] = await trainedOn(path('runs'), path('own'), own);
  expect(before).toEqual({ attributed: false });
  await mkdir(path('begun-long-ago'));
  await writeFile(path('begun-long-ago', 'ATTRIBUTION.md'), 'Pictures, by them\n');
  expect(await trainedOn(path('begun-long-ago'), path('own'), own)).toMatchObject([{ attributed: true }, {}]);
  await writeFile(path('runs', 'trained-on.json'), '{"dataSets": 3}');
  await expect(trainedOn(path('runs'), path('own'), own)).rejects.toThrow(/trained-on\.json/);
  own.close();
});

test('the bundled model says what its card says', async () => {
  const model = join(import.meta.dirname, '..', '..', 'models', 'emoji-v9');
  const { dataSets } = JSON.parse(await readFile(join(model, 'trained-on.json'), 'utf8'));
  const card = await readFile(join(model, 'README.md'), 'utf8');
  for (const dataSet of dataSets) expect(card).toContain(describeSet(dataSet));
  expect(card).toContain(`${dataSets.at(-1).set.styles.join(', ')}.\n`);
});
