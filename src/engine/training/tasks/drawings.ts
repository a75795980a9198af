import { resolve } from 'node:path';
import { InputError } from '../../../errors.ts';
import { Dataset } from '../data/dataset.ts';
import type { PictureSet } from '../data/picture-set.ts';
import type { Dice } from '../dice.ts';
import { indicesOf, trainingPictures } from './pictures.ts';
import { drawKind, randomView } from './views.ts';

/** A picture of one of several sets. */
export interface Drawing {
  readonly set: PictureSet;
  readonly index: number;
}

/** What a picture shows, whoever of that concept it is. */
export const nameOf = ({ set, index }: Drawing): string => set.concepts.get(set.records[index]!.concept)!.name;

/** How often a picture of the extra set is drawn, where there is one: what is measured are pictures of the other. */
const EXTRA_SHARE = 0.3;

/**
 * Draws training pictures of a set, and some of an extra one that show the same things.
 * @param isKnown  only such pictures of the first, and none of another name of the second
 * @returns a picture for each call
 */
export function drawingsOf(
  set: PictureSet,
  extra: PictureSet | undefined,
  isKnown: (index: number) => boolean = () => true,
): (dice: Dice) => Drawing {
  const drawOwn = trainingPictures(set, isKnown);
  const own = trainingOf(set).filter(({ index }) => isKnown(index));
  const others = extra ? sharing(own, extra) : [];
  return (dice) => (others.length > 0 && dice.chance(EXTRA_SHARE) ? dice.pick(others) : { set, index: drawOwn(dice) });
}

/** Some pictures, and a view of each, size × size RGB in [−1, 1]. @param draw one of them */
export function drawViews(draw: (dice: Dice) => Drawing, count: number, size: number, dice: Dice) {
  const drawings = Array.from({ length: count }, () => draw(dice));
  const kinds = drawings.map(() => drawKind(dice));
  const views = drawings.map((drawing, i) =>
    randomView(drawing.set.read(drawing.index), nameOf(drawing), size, dice, kinds[i]!),
  );
  return { drawings, kinds, views };
}

const trainingOf = (set: PictureSet): Drawing[] => indicesOf(set, 'train').map((index) => ({ set, index }));

/** Training pictures of an extra set with names that some others have. */
function sharing(own: readonly Drawing[], extra: PictureSet): Drawing[] {
  const names = new Set(own.map(nameOf));
  return trainingOf(extra).filter((drawing) => names.has(nameOf(drawing)));
}

/**
 * A data set of other drawings of the same things.
 * @param data folder of the set
 * @throws InputError where the folder is none, or that of the set, or shares no name with it
 */
export function openExtraData(dir: string, data: string, set: PictureSet): Dataset {
  if (resolve(dir) === resolve(data))
    throw new InputError(`--extra-data ${dir} is the folder of --data: name one of other drawings, or leave it out`);
  const extra = new Dataset(dir);
  const own = trainingOf(set);
  if (sharing(own, extra).length > 0) return extra;
  const example = (of: readonly Drawing[]) =>
    of[0] ? `such as “${nameOf(of[0])}”` : 'of which it has none to train on';
  throw new InputError(
    `--extra-data ${dir}: none of its names, ${example(trainingOf(extra))}, is one of --data, ${example(own)}; names must be the same, letter for letter`,
  );
}
