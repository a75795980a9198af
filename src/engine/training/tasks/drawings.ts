import { InputError } from '../../../errors.ts';
import type { PictureSet } from '../data/picture-set.ts';
import type { Dice } from '../dice.ts';
import { indicesOf } from './pictures.ts';

/** A picture of one of several sets. */
export interface Drawing {
  readonly set: PictureSet;
  readonly index: number;
}

/** What a picture shows, whoever of that concept it is. */
export const nameOf = ({ set, index }: Drawing): string => set.concepts.get(set.records[index]!.concept)!.name;

/** How often a picture of the other set is drawn, where there is one: what is measured are pictures of the first. */
const MORE = 0.3;

/**
 * Draws training pictures of a set, and some of another one that has more drawings of the same things.
 * @param more     of it those that have names of the first
 * @param isKnown  only such pictures of the first
 * @throws InputError where the other one has none
 */
export function drawingsOf(
  set: PictureSet,
  more: PictureSet | undefined,
  isKnown: (index: number) => boolean = () => true,
): (dice: Dice) => Drawing {
  const training = (of: PictureSet): Drawing[] => indicesOf(of, 'train').map((index) => ({ set: of, index }));
  const own = training(set).filter(({ index }) => isKnown(index));
  if (!more) return (dice) => dice.pick(own);
  const names = new Set(own.map(nameOf));
  const others = training(more).filter((drawing) => names.has(nameOf(drawing)));
  if (others.length === 0)
    throw new InputError(
      'no picture of --more has a name that pictures of --data have: nothing can be learned from it',
    );
  return (dice) => dice.pick(dice.chance(MORE) ? others : own);
}
