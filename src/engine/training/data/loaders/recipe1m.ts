import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../../../../errors.ts';
import type { LeaveOut } from '../collection.ts';
import { cleanCaption } from './clean-caption.ts';
import { firstThere } from './folder.ts';
import { groupByKey } from './group-by-key.ts';
import { readJsonList } from './json-list.ts';
import type { Loader, ReadOptions, Sample } from './loader.ts';

const RECIPES = 'layer1.json';
/** Recipe1M+'s list of pictures, or Recipe1M's, which it includes. */
const PICTURES = ['layer2+.json', 'layer2.json'];
const FOLDER = 'images';

const Recipe = z.object({ id: z.string().min(1), title: z.string(), partition: z.string() });
const Pictures = z.object({ id: z.string().min(1), images: z.array(z.unknown()) });
const Image = z.object({ id: z.string().regex(/^[0-9a-f]{4,}\.jpg$/) });

/** Recipe1M+, Marín et al. 2019: http://im2recipe.csail.mit.edu and https://github.com/torralba-lab/im2recipe-Pytorch. */
export const recipe1m: Loader = {
  name: 'recipe1m',
  title: 'Recipe1M+',
  layout: `${RECIPES}, layer2.json or layer2+.json, and ${FOLDER}/ in which 0fa8309c13.jpg is 0/f/a/8/0fa8309c13.jpg`,
  captionsAre: 'names',
  licence:
    'Recipe1M+, MIT CSAIL, http://im2recipe.csail.mit.edu: for non-commercial research and education only, under the terms ' +
    'agreed to when it was downloaded; recipes and pictures belong to the web sites that they come from. Not to be passed on.',
  recognises: (dir) => existsSync(join(dir, RECIPES)),
  read,
};

async function* read(dir: string, { leaveOut, scratch }: ReadOptions): AsyncGenerator<Sample> {
  const pictures = firstThere(dir, PICTURES);
  if (!pictures || !existsSync(join(dir, FOLDER)))
    throw new InputError(`${dir} has recipes without pictures; expected ${recipe1m.layout}`);
  for await (const [id, rows] of groupByKey(readRows(dir, pictures, leaveOut), scratch)) {
    const [recipe] = rows.flatMap((row) => ('title' in row ? row : []));
    const images = rows.flatMap((row) => ('images' in row ? row.images : []));
    const caption = cleanCaption(recipe?.title ?? '');
    if (!recipe) leaveOut(`pictures of a recipe that is not in ${RECIPES}`, `recipe ${id}`);
    else if (caption === '') leaveOut('a recipe without a title', `recipe ${id}`);
    else if (images.length === 0) leaveOut('a recipe without pictures', `recipe ${id}`);
    else
      for (const image of images) {
        const file = pictureFile(dir, image, recipe.partition);
        yield { file, captions: [caption], concept: id, group: id, source: file };
      }
  }
}

type Row = { title: string; partition: string } | { images: string[] };

async function* readRows(dir: string, pictures: string, leaveOut: LeaveOut): AsyncGenerator<[id: string, row: Row]> {
  const layer1 = {
    ...{ path: join(dir, RECIPES), schema: Recipe },
    otherwise: 'a recipe without id, title or partition',
  };
  for await (const { id, title, partition } of readJsonList(layer1, leaveOut)) yield [id, { title, partition }];
  const layer2 = {
    ...{ path: join(dir, pictures), schema: Pictures },
    otherwise: 'pictures without the id of a recipe, or without a list',
  };
  for await (const { id, images } of readJsonList(layer2, leaveOut))
    yield [id, { images: images.flatMap((image) => pictureId(image, id, leaveOut)) }];
}

function pictureId(value: unknown, recipe: string, leaveOut: LeaveOut): string[] {
  const image = Image.safeParse(value);
  if (image.success) return [image.data.id];
  leaveOut('a picture whose id is not like 0fa8309c13.jpg', `recipe ${recipe}`);
  return [];
}

/** Below four folders, a letter of its id each; in Recipe1M these are in a folder of the partition. */
function pictureFile(dir: string, id: string, partition: string): string {
  const below = join(...id.slice(0, 4), id);
  const [plus, first] = [join(FOLDER, below), join(FOLDER, partition, below)];
  return firstThere(dir, [plus, first]) ?? plus;
}
