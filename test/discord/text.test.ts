import fc from 'fast-check';
import { expect, test } from 'vitest';
import { plain, shorten } from '../../src/discord/text.ts';

test('user text is one line without any markdown, mention, emoji code or link', () => {
  expect(plain('**bold** _it_ `code` ||spoiler||', 100)).toBe(
    '\\*\\*bold\\*\\* \\_it\\_ \\`code\\` \\|\\|spoiler\\|\\|',
  );
  expect(plain('@everyone <@123> <#4> <:smile:5> <t:0:R>', 100)).toBe(
    '\\@everyone \\<\\@123\\> \\<\\#4\\> \\<\\:smile\\:5\\> \\<t\\:0\\:R\\>',
  );
  expect(plain('[click](https://example.com)', 100)).toBe('\\[click\\](https\\://example.com)');
  expect(plain(' a\n# heading\r\n\t> quote ', 100)).toBe('a \\# heading \\> quote');
});

test('no character with a meaning is left without its backslash', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'\\*_~`|[]<>:@# a\n') }), (text) => {
      const unescaped = plain(text, 1000).replace(/\\[\\*_~`|[\]<>:@#]/g, '');
      expect(unescaped).toMatch(/^[ a]*$/);
    }),
  );
});

test('a cut keeps the limit and whole characters', () => {
  expect(shorten('abc', 3)).toBe('abc');
  expect(shorten('abcd', 3)).toBe('ab…');
  expect(shorten('ab😀😀', 4)).toBe('ab…');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 20 }), (text, max) => {
      const short = shorten(text, max);
      expect(short.length).toBeLessThanOrEqual(max);
      expect(short.isWellFormed()).toBe(true);
    }),
  );
});
