import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../../../../errors.ts';
import type { LeaveOut } from '../collection.ts';
import { cleanCaptions } from './clean-caption.ts';
import { firstThere } from './folder.ts';
import { groupByKey } from './group-by-key.ts';
import { readJsonList } from './json-list.ts';
import type { Loader, ReadOptions, Sample } from './loader.ts';

const Image = z.object({ id: z.int(), file_name: z.string().min(1), flickr_url: z.string().optional() });
const Annotation = z.object({ image_id: z.int(), caption: z.string() });

/** MS-COCO, Lin et al. 2014: https://cocodataset.org/#format-data, "Image Captioning". */
export const coco: Loader = {
  name: 'coco',
  title: 'MS-COCO',
  layout: 'annotations/captions_train2017.json (or another captions_*.json) and train2017/ with its pictures',
  captionsAre: 'sentences',
  licence:
    'MS-COCO, COCO Consortium, https://cocodataset.org: captions CC BY 4.0. The pictures belong to people on Flickr, each ' +
    'under a licence of its own (`licenses` in the captions file; many forbid commercial use or changes): do not pass them on.',
  recognises: (dir) => captionFiles(dir).length > 0,
  read,
};

/** Relative to the folder. */
function captionFiles(dir: string): string[] {
  const folders = ['annotations', ''].filter((folder) => existsSync(join(dir, folder)));
  const files = folders.flatMap((folder) => readdirSync(join(dir, folder)).map((name) => join(folder, name)));
  return files.filter((file) => /^captions_.*\.json$/.test(basename(file))).sort();
}

/** captions_val2014.json is about the pictures in val2014. */
function pictureFolder(dir: string, file: string): string | undefined {
  const split = basename(file, '.json').replace('captions_', '');
  return firstThere(dir, [split, join('images', split), 'images']);
}

async function* read(dir: string, { leaveOut, scratch }: ReadOptions): AsyncGenerator<Sample> {
  const files = captionFiles(dir);
  if (!files.some((file) => pictureFolder(dir, file)))
    throw new InputError(`${dir} has captions without pictures; expected ${coco.layout}`);
  for (const file of files) {
    const folder = pictureFolder(dir, file);
    if (folder === undefined) leaveOut('captions whose folder of pictures is not there', file);
    else yield* readFile(join(dir, file), folder, leaveOut, scratch);
  }
}

type Row = { image: z.infer<typeof Image> } | { caption: string };

async function* readFile(path: string, folder: string, leaveOut: LeaveOut, scratch: string): AsyncGenerator<Sample> {
  for await (const [id, rows] of groupByKey(readRows(path, leaveOut), scratch)) {
    const [image, ...doubles] = rows.flatMap((row) => ('image' in row ? row.image : []));
    const captions = cleanCaptions(rows.flatMap((row) => ('caption' in row ? row.caption : [])));
    const where = `${basename(path)} image ${id}`;
    for (const _ of doubles) leaveOut('an image with the id of another', where);
    if (!image) leaveOut('captions of an image that is not in the list', where);
    else if (!captions) leaveOut('an image without a caption', where);
    else {
      const file = join(folder, image.file_name);
      yield { file, captions, concept: id, group: id, source: image.flickr_url ?? file };
    }
  }
}

async function* readRows(path: string, leaveOut: LeaveOut): AsyncGenerator<[id: string, row: Row]> {
  const images = { path, key: 'images', schema: Image, otherwise: 'an image without id or file_name' };
  for await (const image of readJsonList(images, leaveOut)) yield [String(image.id), { image }];
  const annotations = {
    ...{ path, key: 'annotations', schema: Annotation },
    otherwise: 'an annotation without image_id or caption',
  };
  for await (const { image_id, caption } of readJsonList(annotations, leaveOut)) yield [String(image_id), { caption }];
}
