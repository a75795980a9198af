import { expect, test } from 'vitest';
import { splitHash, splitStyles } from '../../src/engine/training/data/split.ts';

// Computed with another implementation: a changed hash would put held-out pictures into training.
test.each([
  ['', 905],
  ['full1F436', 408],
  ['cs1F436', 382],
  ['full1F468-200D-1F33E', 812],
  ['full\u{1F436}', 216],
])('hash of %j is %i', (text, hash) => {
  expect(splitHash(text)).toBe(hash);
});

const STYLES = ['noto', 'twemoji', 'blob', 'doodle'];
const concepts = Array.from({ length: 4000 }, (_, i) => (0x1f300 + i).toString(16).toUpperCase());

test('3 % of the concepts are held out whole, and one style of 12 % of the others', () => {
  const splits = concepts.map((concept) => [...splitStyles(concept, STYLES).values()]);
  const whole = splits.filter((split) => split.every((s) => s === 'held-out-concept'));
  const pairs = splits.filter((split) => split.filter((s) => s === 'held-out-pair').length === 1);
  expect(whole.length / splits.length).toBeCloseTo(0.03, 2);
  // three standard deviations of so many
  expect(Math.abs(pairs.length / splits.length - 0.97 * 0.12)).toBeLessThan(0.015);
  expect(splits.filter((split) => split.every((s) => s === 'train')).length).toBe(4000 - whole.length - pairs.length);
});

test('which style is held out does not depend on the order of the styles', () => {
  for (const concept of concepts) {
    const [a, b] = [splitStyles(concept, STYLES), splitStyles(concept, STYLES.toReversed())];
    for (const style of STYLES) expect(a.get(style)).toBe(b.get(style));
  }
});

test('no style of a concept with three of them is held out alone', () => {
  const splits = concepts.flatMap((concept) => [...splitStyles(concept, STYLES.slice(0, 3)).values()]);
  expect(splits).not.toContain('held-out-pair');
});
