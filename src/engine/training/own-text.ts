/** Stands alone on a line of a file that a command writes: what is above it is written anew, what people write below it stays. */
export const markOf = (command: string): string =>
  `<!-- Down to here it is written anew by every ${command}. What follows is yours and stays. -->`;

/** What a command has written, and what stands below its mark; undefined of a text without one. */
export function splitAtMark(text: string, mark: string): { written: string; own: string } | undefined {
  const at = text.indexOf(mark);
  if (at < 0) return undefined;
  return { written: text.slice(0, at), own: text.slice(at + mark.length).replace(/^\r?\n/, '') };
}
