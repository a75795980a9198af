import { expect, test, vi } from 'vitest';
import { rememberRecent } from '../../src/engine/pipeline/remember-recent.ts';

test('the last results are given again, those not asked for longest are forgotten', async () => {
  const compute = vi.fn(async (text: string) => text.toUpperCase());
  const remembered = rememberRecent(2, compute);
  expect(await Promise.all([remembered('a'), remembered('a'), remembered('b'), remembered('a')])).toEqual([...'AABA']);
  expect(compute).toHaveBeenCalledTimes(2);
  await remembered('c');
  await remembered('a');
  expect(compute).toHaveBeenCalledTimes(3);
  await remembered('b');
  expect(compute).toHaveBeenCalledTimes(4);
});

test('a failure is not remembered', async () => {
  const compute = vi.fn(async () => 'there').mockRejectedValueOnce(new Error('not yet'));
  const remembered = rememberRecent(2, compute);
  await expect(remembered(1)).rejects.toThrow('not yet');
  expect(await remembered(1)).toBe('there');
});
