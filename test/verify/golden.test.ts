import { describe, expect, test } from 'vitest';
import { verify } from '../../src/engine/evaluation/verify/verify.ts';

describe('reference values', () => {
  test.each(['random', 'tokenizer', 'preprocess', 'schedulers'])('%s agree', async (folder) => {
    for await (const { check, tensors } of verify(`test/golden/${folder}`)) {
      expect(check).toBe(folder);
      expect(tensors.length).toBeGreaterThan(10);
      expect(tensors.filter(({ pass }) => !pass)).toEqual([]);
    }
  });
});
