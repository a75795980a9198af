import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Action, decodeCustomId, encodeCustomId } from '../../src/discord/custom-id.ts';

const snowflake = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String);
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ action: fc.constant('variations' as const), picture: fc.integer({ min: 0, max: 9 }) }),
  fc.record({ action: fc.constant('upscale' as const), picture: fc.integer({ min: 0, max: 9 }) }),
  fc.record({ action: fc.constant('guidance' as const), step: fc.integer({ min: -20, max: 20 }) }),
  fc.record({ action: fc.constant('rerun' as const) }),
  fc.record({ action: fc.constant('delete' as const), ownerId: snowflake }),
  fc.record({ action: fc.constant('cancel' as const), ownerId: snowflake }),
);

describe('custom ids', () => {
  test('carry every action there and back in at most 100 characters', () => {
    fc.assert(
      fc.property(action, (action) => {
        const customId = encodeCustomId(action);
        expect(customId.length).toBeLessThanOrEqual(100);
        expect(decodeCustomId(customId)).toEqual(action);
      }),
    );
  });

  test('of others are none of ours', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(decodeCustomId(text)).toBeUndefined();
      }),
    );
    for (const foreign of [
      '',
      'unclip1',
      'unclip1:',
      'unclip1:explode',
      'unclip2:rerun',
      'unclip1:rerun:1',
      'unclip1:variations',
      'unclip1:variations:',
      'unclip1:variations:01',
      'unclip1:variations:1e0',
      'unclip1:variations:10',
      'unclip1:guidance:0.5',
      'unclip1:delete:me',
      'unclip1:delete:1:2',
      'unclip1:__proto__:1',
    ]) {
      expect(decodeCustomId(foreign), foreign).toBeUndefined();
    }
  });

  test('refuse what they could not read back', () => {
    expect(() => encodeCustomId({ action: 'variations', picture: 10 })).toThrow();
    expect(() => encodeCustomId({ action: 'guidance', step: 0.5 })).toThrow();
    expect(() => encodeCustomId({ action: 'delete', ownerId: 'a:b' })).toThrow();
  });
});
