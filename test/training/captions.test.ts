import { expect, test } from 'vitest';
import { namesStyle, sampleCaption, styledCaption } from '../../src/engine/training/data/captions.ts';
import { isHeldOutHyponym } from '../../src/engine/training/data/wordnet.ts';
import { Dice } from '../../src/engine/training/dice.ts';

const HYPONYMS = [
  'spaniel',
  'poodle',
  'pug',
  'corgi',
  'terrier',
  'retriever',
  'dalmatian',
  'beagle',
  'boxer',
  'mastiff',
];
const dog = {
  id: '1F415',
  name: 'dog',
  keywords: ['pet', 'animal'],
  synonyms: ['hound'],
  hyponyms: HYPONYMS,
  hypernyms: ['canine'],
};
const record = { concept: '1F415', name: 'dog', style: 'noto', split: 'train' } as const;

function sample(count: number, concept = dog): string[] {
  const dice = new Dice(0, 0);
  return Array.from({ length: count }, () => sampleCaption(record, concept, dice));
}

test('captions are names, styles, keywords and words of WordNet in their proportions', () => {
  const captions = sample(4000);
  const share = (pattern: RegExp) => captions.filter((caption) => pattern.test(caption)).length / captions.length;
  expect(share(/^((a picture|an image|a drawing|an emoji|an icon) of )?(an? )?dog$/)).toBeCloseTo(0.4, 1);
  expect(share(/noto/)).toBeCloseTo(0.26, 1);
  expect(share(/dog, (pet|animal)/)).toBeCloseTo(0.12, 1);
  expect(share(/canine$/)).toBeCloseTo(0.03, 1);
  expect(share(new RegExp(`(hound|${HYPONYMS.join('|')})$`))).toBeCloseTo(0.1, 1);
});

test('no caption holds a hyponym that is kept for the report', () => {
  const heldOut = HYPONYMS.filter(isHeldOutHyponym);
  expect(heldOut.length).toBeGreaterThan(0);
  const words = sample(4000).flatMap((caption) => caption.split(' '));
  for (const word of heldOut) expect(words).not.toContain(word);
  expect(words).toContain(HYPONYMS.find((word) => !isHeldOutHyponym(word)));
});

test('a concept of which only the name is known is called by it', () => {
  const bare = sample(500, { ...dog, keywords: [], synonyms: [], hyponyms: [], hypernyms: [] });
  expect(bare.every((caption) => caption.includes('dog'))).toBe(true);
});

test('a caption names a style by words of its own', () => {
  const dice = new Dice(0, 1);
  for (let i = 0; i < 20; i++) expect(namesStyle(styledCaption('dog', 'flat icon', dice), 'flat icon')).toBe(true);
  expect(namesStyle('musical note, monotone', 'noto')).toBe(false);
  expect(namesStyle('dog, noto style', '')).toBe(false);
});
