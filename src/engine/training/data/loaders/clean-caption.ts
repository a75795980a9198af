import { decodeHTML } from 'entities';

/** Text out of web pages, scripts and papers: markup and control characters off, white space to single spaces. */
export function cleanCaption(text: string): string {
  const plain = decodeHTML(text.replace(/<\/?[a-z][^<>]*>/gi, ' '));
  return plain
    .normalize('NFC')
    .replace(/[\s\p{Cc}\uFEFF]+/gu, ' ')
    .trim();
}

/** Cleaned, none empty, each once. */
export function cleanCaptions(texts: readonly string[]): [string, ...string[]] | undefined {
  const clean = [...new Set(texts.map(cleanCaption))].filter((text) => text !== '');
  return clean.length > 0 ? (clean as [string, ...string[]]) : undefined;
}
