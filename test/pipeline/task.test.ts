import { expect, test } from 'vitest';
import { z } from 'zod';
import { taskSchema } from '../../src/task.ts';
import { blendWeights, numbers, parse } from '../../src/typed-settings.ts';

const settings = { seed: 1 };
const modify = { kind: 'modify', pictures: ['a'], prompt: 'a', strengths: [0.5], settings };
const interpolate = { kind: 'interpolate', pictures: ['a', 'b'], frames: 8, noise: 'fixed', settings };
const blend = { kind: 'blend', pictures: ['a', 'b'], settings };
const parsed = (task: unknown) => parse(taskSchema(z.string()), task);

test.each([
  [{ ...modify, strengths: [1.5] }, 'strength must be a number from 0 to 1, not 1.5'],
  [{ ...modify, strengths: ['much'] }, 'strength must be a number from 0 to 1, not much'],
  [{ ...modify, strengths: Array(33).fill(0) }, 'at most 32 strengths'],
  [{ ...modify, prompt: ' ' }, 'prompt must not be empty'],
  [{ ...modify, settings: { seed: 1, width: 4000 } }, 'width must be a whole number from 8 to 2048, not 4000'],
  [{ ...modify, settings: { seed: 1, eta: -1 } }, 'eta must be a number from 0 to 1, not -1'],
  [{ ...interpolate, pictures: ['a'] }, 'an interpolation takes 2 to 4 pictures, not 1'],
  [{ ...interpolate, frames: 1 }, 'frames must be a whole number from 2 to 32, not 1'],
  [{ ...interpolate, noise: 'loud' }, 'noise must be one of inverted, fixed, not loud'],
  [{ ...blend, pictures: Array(5).fill('a') }, 'a blend takes 1 to 4 pictures, not 5'],
  [{ ...blend, pictures: ['a'] }, 'a blend needs two things: two pictures, or a picture and a text'],
  [{ ...blend, prompt: 'hat', weights: [1, 1] }, 'a blend of 3 needs as many weights, not 1, 1'],
  [{ ...blend, weights: [0, 0] }, 'weights must not all be 0'],
  [{ ...blend, weights: [-1, 1] }, 'weights must be numbers from 0 to 1000, not -1'],
])('%j is refused', (task, message) => {
  expect(() => parsed(task)).toThrow(message);
});

test('numbers are separated by spaces or commas', () => {
  expect(numbers(' 0.5,1,2 ')).toEqual([0.5, 1, 2]);
  expect(numbers('0,5 1; 2')).toEqual([0.5, 1, 2]);
  expect(numbers('1, 2, half')).toEqual([1, 2, 'half']);
  expect(numbers('')).toEqual([undefined]);
});

test('the weight of a blend of two is the share of the second; else there is one for each', () => {
  expect(blendWeights('0,25', 2)).toEqual([0.75, 0.25]);
  expect(blendWeights('2,1', 2)).toEqual([2, 1]);
  expect(blendWeights('0.5', 3)).toEqual([0.5]);
  expect(blendWeights('half', 2)).toEqual(['half']);
});
