import { groupBy } from '../../../group-by.ts';
import type { Dice } from '../../dice.ts';
import { article } from '../captions.ts';
import type { PictureRecord } from '../dataset.ts';
import type { PictureSet } from '../picture-set.ts';
import { splitHash } from '../split.ts';
import { BACKGROUNDS, colourfulness, HUES, namesColour, withHue, withoutColour } from './colours.ts';
import { flat, type Layer, layerFrom, over, place, shape, spread } from './layers.ts';

/** A picture made of pictures. */
export interface Composition {
  /** What it shows, in several words; the first is the usual one. */
  readonly captions: readonly [string, ...string[]];
  /** Never seen in training, by the hash of what is combined. */
  readonly heldOut: boolean;
  /** What to look for in it; of the kinds of which some are held out. */
  readonly shows?: Shown;
  draw(): Layer;
}

/** Kinds of compositions of which some are held out, as one would call them. */
export const HELD_OUT_KINDS = ['thing on a background', 'thing in a colour', 'two things'] as const;

/** What can be found again in a composition. */
export interface Shown {
  readonly kind: (typeof HELD_OUT_KINDS)[number];
  /** Their names, and of two the side on which each stands. */
  readonly things: readonly { readonly name: string; readonly side?: Side }[];
  /** A word: of the background, or of the thing. */
  readonly colour?: string;
}

/** Where the middle of one of two things is, in pixels. */
export const SIDES = {
  left: { x: 34, y: 64 },
  right: { x: 94, y: 64 },
  top: { x: 64, y: 33 },
  bottom: { x: 64, y: 95 },
} as const;
type Side = keyof typeof SIDES;

/** A thing to compose with: one of the plain pictures. */
interface Thing {
  readonly record: PictureRecord;
  layer(): Layer;
  /** Whether it has colours that could be others. */
  isColourful(): boolean;
}

type Compose = (things: Things, dice: Dice) => Composition | undefined;

/** The training pictures, and those of each style: what stands together should look alike. */
export interface Things {
  readonly all: readonly Thing[];
  readonly byStyle: ReadonlyMap<string, readonly Thing[]>;
}

export function thingsOf(set: PictureSet): Things {
  const all = set.records.flatMap((record, index) =>
    record.split === 'train' && isShort(record) ? [thingOf(record, () => layerFrom(set.read(index)))] : [],
  );
  return { all, byStyle: groupBy(all, ({ record }) => record.style) };
}

function thingOf(record: PictureRecord, layer: () => Layer): Thing {
  let colourful: boolean | undefined;
  return {
    record,
    layer,
    isColourful() {
      colourful ??= colourfulness(layer()) >= COLOURFUL;
      return colourful;
    },
  };
}

/** Of one's own pictures, which have no style: "PepeHands", "party_parrot", "café". */
const NAME = /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_' -]*$/u;
/** Of the bundled ones, where more names would be other compositions than those that the bundled model has learned from. */
const STYLED_NAME = /^[a-z][a-z' -]*$/;
const WORDS = 3;

/** A name that can stand in a longer caption. */
const isShort = ({ name, style }: PictureRecord) =>
  (style === '' ? NAME : STYLED_NAME).test(name) && name.split(' ').length <= WORDS;

/** Of fewer nothing is composed. */
export const LEAST_THINGS = 2;

/** Why nothing can be composed of a set; undefined where something can. */
export function whyNoCompositions(set: PictureSet): string | undefined {
  const { length } = thingsOf(set).all;
  if (length >= LEAST_THINGS) return undefined;
  return (
    `they are made of training pictures whose names are at most ${WORDS} words, of letters, digits, _, ' and -: ` +
    `expected ${LEAST_THINGS} of these or more, found ${length}`
  );
}

/** From this `colourfulness` on a thing counts as coloured. */
const COLOURFUL = 40;

const HELD_OUT_OBJECT_PAIRS = 100;
const HELD_OUT_COLOURS = 150;

/** One of all kinds, in their proportions; undefined where what was drawn does not suit. */
export function compose(things: Things, dice: Dice): Composition | undefined {
  let left = dice.uniform();
  for (const [share, kind] of KINDS) {
    if (left < share) return kind(things, dice);
    left -= share;
  }
  return undefined;
}

const onBackground: Compose = ({ all }, dice) => {
  const thing = dice.pick(all);
  const word = dice.pick(Object.keys(BACKGROUNDS));
  const colour = BACKGROUNDS[word]!.map((channel) => Math.max(0, Math.min(255, channel + 24 * (dice.uniform() - 0.5))));
  const { name } = thing.record;
  return {
    captions: [`${name} on ${article(word)} background`, `${name}, ${word} background`],
    heldOut: isHeldOutColour(thing, word),
    shows: { kind: 'thing on a background', things: [{ name }], colour: word },
    draw: () => over(thing.layer(), flat(colour)),
  };
};

const recoloured: Compose = ({ all }, dice) => {
  const thing = dice.pick(all);
  const word = dice.pick(Object.keys(HUES));
  const { name } = thing.record;
  if (namesColour(name) || !thing.isColourful()) return undefined;
  return {
    captions: [`${word} ${name}`, `${name}, ${word}`],
    heldOut: isHeldOutColour(thing, word),
    shows: { kind: 'thing in a colour', things: [{ name }], colour: word },
    draw: () => withHue(thing.layer(), HUES[word]!),
  };
};

const greyscale: Compose = ({ all }, dice) => {
  const thing = dice.pick(all);
  const { name } = thing.record;
  if (!thing.isColourful()) return undefined;
  return {
    captions: [`${name}, black and white`, `black and white ${name}`],
    heldOut: false,
    draw: () => withoutColour(thing.layer()),
  };
};

const silhouette: Compose = ({ all }, dice) => {
  const thing = dice.pick(all);
  const { name } = thing.record;
  return {
    captions: [`silhouette of ${name}`, `${name} silhouette`],
    heldOut: false,
    draw: () => shape(thing.layer(), [0, 0, 0]),
  };
};

const OUTLINE = 4;

const sticker: Compose = ({ all }, dice) => {
  const thing = dice.pick(all);
  const { name } = thing.record;
  const draw = () => {
    const inner = place(thing.layer(), { scale: 0.86, x: 64, y: 63 });
    const paper = shape(spread(inner, OUTLINE), [255, 255, 255]);
    const shadow = place(shape(spread(inner, OUTLINE + 1), [40, 40, 40], 0.45), { scale: 1, x: 64, y: 65.5 });
    return over(inner, over(paper, shadow));
  };
  return { captions: [`sticker of ${name}`, `${name} sticker`, `${name}, sticker`], heldOut: false, draw };
};

/** Where the first stands, seen from the second, and where both are. */
const PLACES = [
  { word: 'to the left of', first: 'left', second: 'right' },
  { word: 'to the right of', first: 'right', second: 'left' },
  { word: 'above', first: 'top', second: 'bottom' },
  { word: 'below', first: 'bottom', second: 'top' },
] as const;

const at = (side: Side, thing: Layer) => place(thing, { scale: 0.48, ...SIDES[side] });

const twoThings: Compose = ({ byStyle }, dice) => {
  const sameStyle = dice.pick([...byStyle.values()]);
  const [a, b] = [dice.pick(sameStyle), dice.pick(sameStyle)];
  const { word, first, second } = dice.pick(PLACES);
  const { concept, name } = a.record;
  if (concept === b.record.concept || name === b.record.name) return undefined;
  return {
    captions: [`${name} ${word} ${b.record.name}`, `${name} and ${b.record.name}`],
    heldOut: splitHash(`pair${[concept, b.record.concept].sort().join('+')}`) < HELD_OUT_OBJECT_PAIRS,
    shows: {
      kind: 'two things',
      things: [
        { name, side: first },
        { name: b.record.name, side: second },
      ],
    },
    draw: () => over(at(first, a.layer()), at(second, b.layer())),
  };
};

const GRIDS = [
  {
    word: 'two',
    places: [
      [34, 64],
      [94, 64],
    ],
  },
  {
    word: 'three',
    places: [
      [64, 34],
      [34, 94],
      [94, 94],
    ],
  },
  {
    word: 'four',
    places: [
      [34, 34],
      [94, 34],
      [34, 94],
      [94, 94],
    ],
  },
] as const;

const several: Compose = ({ all }, dice) => {
  const thing = dice.pick(all);
  const { word, places } = dice.pick(GRIDS);
  const names = plural(thing.record.name);
  if (!names) return undefined;
  const draw = () => {
    const layer = thing.layer();
    return places.map(([x, y]) => place(layer, { scale: 0.46, x, y })).reduce((sum, one) => over(one, sum));
  };
  return { captions: [`${word} ${names}`], heldOut: false, draw };
};

/** "two cherries"; undefined for what is more than one already, or has no English plural. */
export function plural(name: string): string | undefined {
  if (/s$|\b(and|of|in|with|on)\b/i.test(name)) return undefined;
  // "kekw2", "猫": English has no plural of these
  if (!/[\p{Script=Latin}'\- ]$/u.test(name)) return undefined;
  if (/[^aeiou]y$/.test(name)) return name.replace(/y$/, 'ies');
  return /(x|z|ch|sh)$/.test(name) ? `${name}es` : `${name}s`;
}

const isHeldOutColour = ({ record }: Thing, colour: string) =>
  splitHash(`colour${record.concept}+${colour}`) < HELD_OUT_COLOURS;

const KINDS: readonly (readonly [share: number, compose: Compose])[] = [
  [0.25, onBackground],
  [0.2, recoloured],
  [0.25, twoThings],
  [0.12, several],
  [0.08, sticker],
  [0.05, greyscale],
  [0.05, silhouette],
];
