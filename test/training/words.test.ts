import { expect, test } from 'vitest';
import type { PictureSet } from '../../src/engine/training/data/picture-set.ts';
import { commonNouns, definitionOf, type WordNet } from '../../src/engine/training/data/wordnet.ts';
import { Dice } from '../../src/engine/training/dice.ts';
import { captionedPictures } from '../../src/engine/training/tasks/captioned-pictures.ts';

test("a noun's definition is its commonest sense's, without the examples", () => {
  const line = (offset: string, gloss: string) => `${offset} 05 n 01 spaniel 0 001 @ 02087122 n 0000 | ${gloss}  \n`;
  const first = line('00000000', 'any of several breeds of small dogs; long ears; "the spaniel fetched the duck"');
  const wordNet: WordNet = {
    index: new Map([['spaniel', [0, first.length]]]),
    data: Buffer.from(first + line('00000099', 'a servile person'), 'latin1'),
  };
  expect(definitionOf(wordNet, 'spaniel')).toBe('any of several breeds of small dogs; long ears');
});

test('common nouns are no Latin, and nothing that is there once', () => {
  const synsets = [
    '03 dog 0 domestic_dog 0 Canis_familiaris 0 001 @ 02085998 n 0000 | a member of the genus Canis',
    '02 American_eagle 0 Haliaeetus_leucocephalus 0 001 @ 01616573 n 0000 | a large eagle',
    '02 Canis 0 genus_Canis 0 001 @ 02085998 n 0000 | type genus of the Canidae',
    '01 Salzburg 0 001 @i 08541841 n 0000 | city in western Austria',
    '01 six-day_bicycle_race 0 001 @ 07474414 n 0000 | a race of six days',
  ].map((fields, n) => `0000000${n} 05 n ${fields}  \n`);
  const index = new Map<string, number[]>();
  for (const [n, line] of synsets.entries()) {
    const words = line
      .split(' ')
      .filter((field) => /[a-z]{2}/i.test(field))
      .slice(0, Number(line.split(' ')[3]));
    const offset = synsets.slice(0, n).join('').length;
    for (const word of words) index.set(word.toLowerCase().replaceAll('_', ' '), [offset]);
  }
  const wordNet: WordNet = { index, data: Buffer.from(synsets.join(''), 'latin1') };
  expect(commonNouns(wordNet)).toEqual(['dog', 'domestic dog', 'american eagle']);
});

const dataset = {
  records: [
    { concept: '1', name: 'dog', style: 'noto', split: 'train', captions: ['dog'] },
    { concept: '1', name: 'dog', style: 'blob', split: 'held-out-pair', captions: ['dog'] },
    { concept: '2', name: 'cat', style: 'noto', split: 'train', captions: ['cat'] },
    { concept: '2', name: 'cat', style: 'blob', split: 'train', captions: ['cat'] },
  ],
  concepts: new Map([
    ['1', { name: 'dog' }],
    ['2', { name: 'cat' }],
  ]),
} as unknown as PictureSet;
const vocabulary = {
  words: ['spaniel', 'pet'],
  names: ['cat', 'dog'],
  neighbours: {
    nearest: { data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] },
    weights: { data: Float32Array.of(1, 0, 0.6, 0.4), shape: [2, 2] },
  },
};
const COUNT = 8000;

test('beside captions, words are shown with training pictures of what they are near to', () => {
  const { indices, captions } = captionedPictures(dataset, vocabulary)(COUNT, new Dice(0, 0));
  const share = (is: (caption: string, index: number) => boolean) =>
    captions.filter((caption, i) => is(caption, indices[i]!)).length / COUNT;
  expect(share((caption) => caption === '')).toBeCloseTo(0.1, 1);
  expect(share((caption) => vocabulary.words.includes(caption))).toBeCloseTo(0.9 * 0.25, 1);
  expect(indices).not.toContain(1);
  expect(share((caption, index) => caption === 'spaniel' && index !== 0)).toBe(0);
  const pets = share((caption) => caption === 'pet');
  // of the two words the one with the clearer meaning is drawn more often: as 1 to 0.6³
  expect(pets / share((caption) => caption === 'spaniel')).toBeCloseTo(0.216, 1);
  expect(share((caption, index) => caption === 'pet' && index === 0) / pets).toBeCloseTo(0.4, 1);
  for (const cat of [2, 3])
    expect(share((caption, index) => caption === 'pet' && index === cat) / pets).toBeCloseTo(0.3, 1);
});

test('without a vocabulary, texts are captions', () => {
  const { indices, captions } = captionedPictures(dataset, undefined)(200, new Dice(0, 0));
  const told = [...indices.entries()].filter(([i]) => captions[i] !== '');
  expect(told.length).toBeGreaterThan(150);
  for (const [i, index] of told) expect(dataset.records[index]!.captions).toEqual([captions[i]]);
});
