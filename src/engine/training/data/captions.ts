import type { Dice } from '../dice.ts';
import type { Concept } from './concepts.ts';
import type { PictureRecord } from './dataset.ts';
import { isHeldOutHyponym } from './wordnet.ts';

/** "red heart, noto style"; of a picture without a style the name. */
export const nameWithStyle = (name: string, style: string): string => (style === '' ? name : `${name}, ${style} style`);

const STYLED: readonly ((name: string, style: string) => string)[] = [
  nameWithStyle,
  (name, style) => `${name} in ${style} style`,
  (name, style) => `${style} ${name}`,
  (name, style) => `a ${style} emoji of ${name}`,
];

/** Whether a caption says in which style its picture is, as a word of its own: "monotone" does not say "noto". */
export const namesStyle = (caption: string, style: string): boolean =>
  style !== '' && ` ${caption} `.includes(` ${style} `);

const PREFIXES = ['a picture of', 'an image of', 'a drawing of', 'an emoji of', 'an icon of'];

/** "red heart, noto style", in other words at every call. */
export const styledCaption = (name: string, style: string, dice: Dice): string => dice.pick(STYLED)(name, style);

/** With "a" or "an" in front. */
export const article = (text: string) => (/^[aeiou]/.test(text) ? `an ${text}` : `a ${text}`);

/**
 * A caption of a picture, another one at every call: 40 % the name; 26 % the name with the style; 12 % the name with
 * keywords; 9 % keywords alone; 10 % a synonym or hyponym; 3 % a hypernym. A quarter begin with "a picture of".
 * Where the concept has no such words, the name. Of a picture with sentences of its own, one of these.
 */
export function sampleCaption({ name, style, captions }: PictureRecord, concept: Concept, dice: Dice): string {
  if (captions) return dice.pick(captions);
  const kind = dice.uniform();
  const text = plainCaption(kind, name, style, concept, dice);
  const styled = kind >= 0.4 && kind < 0.66 && style !== '';
  if (styled || !dice.chance(0.25)) return text;
  return `${dice.pick(PREFIXES)} ${dice.chance(0.5) ? article(text) : text}`;
}

function plainCaption(kind: number, name: string, style: string, concept: Concept, dice: Dice): string {
  const { keywords, synonyms, hypernyms } = concept;
  if (kind < 0.4) return name;
  if (kind < 0.66) return style === '' ? name : styledCaption(name, style, dice);
  if (kind < 0.78)
    return keywords.length === 0 ? name : `${name}, ${dice.some(keywords, 1 + dice.below(3)).join(', ')}`;
  if (kind < 0.87) return keywords.length < 2 ? name : dice.some(keywords, 2 + dice.below(3)).join(', ');
  const words = kind < 0.97 ? [...synonyms, ...concept.hyponyms.filter((word) => !isHeldOutHyponym(word))] : hypernyms;
  return words.length === 0 ? name : dice.pick(words);
}
