/**
 * User text as one line that Discord shows letter by letter: white space collapsed, at most `maxLength` characters
 * (the cut marked with …), and every character with a meaning in Discord's markdown escaped. That keeps prompts from
 * becoming bold, headings, links with previews, custom emoji, timestamps or mentions.
 */
export function plain(text: string, maxLength: number): string {
  return shorten(text.replace(/[\s\p{Cc}]+/gu, ' ').trim(), maxLength).replace(/[\\*_~`|[\]<>:@#]/g, '\\$&');
}

/** At most `maxLength` UTF-16 code units, the cut marked with … and never inside a surrogate pair. */
export function shorten(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  return `${text.slice(0, maxLength - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
