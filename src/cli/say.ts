/** What a command tells beside its results, which alone go to stdout. */
export const say = (line: string): void => console.error(line);
