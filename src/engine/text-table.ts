import Table from 'cli-table3';

/** How a column stands: by its first letters or by its last ones, as numbers do. */
export type Align = 'left' | 'right';

const NO_LINES = Object.fromEntries(
  ['top', 'bottom', 'left', 'right', 'mid']
    .flatMap((at) => [at, `${at}-mid`, `${at}-left`, `${at}-right`])
    .map((name) => [name, '']),
);

/**
 * Rows of cells as text for a terminal: columns as wide as their widest cell, two spaces between them, no lines. Colours
 * don't count as width. `aligns` holds one entry a column.
 */
export function textTable(rows: readonly (readonly string[])[], aligns: readonly Align[]): string {
  const table = new Table({
    chars: { ...NO_LINES, middle: '  ' },
    colAligns: [...aligns],
    style: { 'padding-left': 0, 'padding-right': 0, border: [], compact: true },
  });
  table.push(...rows.map((row) => [...row]));
  return `${table.toString().replace(/ +$/gm, '')}\n`;
}
