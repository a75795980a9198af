import { createColors } from 'picocolors';
import { expect, it } from 'vitest';
import { textTable } from '../../src/engine/text-table.ts';

it('stands columns beside one another, colours not counted', () => {
  const { green, dim } = createColors(true);
  const rows = [
    ['name', 'time', 'note'],
    [green('decoder'), '1.5 ms', 'twice'],
    [dim('prior'), '200.5 ms', ''],
  ];
  expect(textTable(rows, ['left', 'right', 'left'])).toBe(
    `name         time  note\n${green('decoder')}    1.5 ms  twice\n${dim('prior')}    200.5 ms\n`,
  );
});
