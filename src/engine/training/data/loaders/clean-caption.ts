import { decodeHTML } from 'entities';

/** Control characters and noncharacters off, which XML lacks too, white space to single spaces. */
export const tidyText = (text: string) =>
  text
    .normalize('NFC')
    .replace(/[\s\p{Cc}\p{NChar}\uFEFF]+/gu, ' ')
    .trim();

/** Text out of web pages and scripts: without markup, tidied. */
export function cleanCaption(text: string): string {
  const apart = text.replace(/<(br|p|div|li|tr|td)\b[^<>]*>/gi, ' ');
  return tidyText(decodeHTML(apart.replace(/<\/?[a-z][^<>]*>/gi, '')));
}

/** Cleaned, none empty, each once. */
export function cleanCaptions(texts: readonly string[]): [string, ...string[]] | undefined {
  const clean = [...new Set(texts.map(cleanCaption))].filter((text) => text !== '');
  return clean.length > 0 ? (clean as [string, ...string[]]) : undefined;
}
