import { PassThrough } from 'node:stream';
import { expect, test, vi } from 'vitest';
import { createBar, WITHOUT_TERMINAL } from '../../src/cli/progress-bar.ts';

test('the time left is shown once it is known', () => {
  vi.useFakeTimers();
  const stream = new PassThrough() as unknown as NodeJS.WriteStream;
  const bar = createBar('{value} of {total}{eta_formatted}', { ...WITHOUT_TERMINAL, stream });
  const shown = () => {
    bar.render();
    return String(stream.read()).trim().split('\n').at(-1);
  };
  bar.start(10, 0);
  expect(shown()).toBe('0 of 10');
  bar.update(0);
  expect(shown()).toBe('0 of 10');
  vi.advanceTimersByTime(8000);
  bar.update(2);
  expect(shown()).toBe('2 of 10, 30s left');
  bar.stop();
  vi.useRealTimers();
});
