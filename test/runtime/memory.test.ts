import { expect, test } from 'vitest';
import { type Evictable, Memory } from '../../src/engine/runtime/memory.ts';

const GB = 2 ** 30;

/** A machine of 24 GB, and networks that take room on it. */
function machine() {
  let used = 2 * GB;
  const total = 24 * GB;
  const memory = new Memory({ total: () => total, available: () => total - used });
  const inMemory: string[] = [];
  const network = (name: string, gigabytes: number, toLoad = gigabytes) => {
    const item: Evictable & { isBusy: boolean } = {
      bytes: gigabytes * GB,
      bytesToLoad: toLoad * GB,
      isBusy: false,
      async evict() {
        used -= item.bytes;
        inMemory.splice(inMemory.indexOf(name), 1);
      },
    };
    const load = () =>
      memory.load(item, async () => {
        await new Promise(setImmediate);
        used += item.bytes;
        inMemory.push(name);
      });
    return { item, load };
  };
  return { memory, network, inMemory };
}

test('a model larger than memory: the least recently used networks make way', async () => {
  const { memory, network, inMemory } = machine();
  const [text, prior, image, unet] = [network('text', 3), network('prior', 5), network('image', 8), network('unet', 6)];
  for (const { load } of [text, prior, image]) await load();
  expect(inMemory).toEqual(['text', 'prior', 'image']);
  memory.touch(text.item);
  await unet.load();
  expect(inMemory).toEqual(['text', 'image', 'unet']);
});

test('what takes more room while it is being loaded gets it', async () => {
  const { network, inMemory } = machine();
  for (const { load } of [network('text', 3), network('image', 8), network('unet', 6, 11)]) await load();
  expect(inMemory).toEqual(['image', 'unet']);
});

test('what is running stays, whatever comes', async () => {
  const { network, inMemory } = machine();
  const [image, unet, prior] = [network('image', 8), network('unet', 8), network('prior', 8)];
  await image.load();
  image.item.isBusy = true;
  await unet.load();
  await prior.load();
  expect(inMemory).toEqual(['image', 'prior']);
});

test('one is loaded after the other, so that each finds the room that is left; a failure holds nobody up', async () => {
  const { memory, network, inMemory } = machine();
  const failing = memory.load(network('broken', 9).item, () => Promise.reject(new Error('broken')));
  const loads = [network('a', 9).load(), network('b', 9).load(), network('c', 9).load()];
  await expect(failing).rejects.toThrow('broken');
  await Promise.all(loads);
  expect(inMemory).toEqual(['b', 'c']);
});

test('a small model stays whole, however little the system says is available', async () => {
  const memory = new Memory({ total: () => 16 * GB, available: () => 0 });
  const evicted: number[] = [];
  for (let i = 0; i < 4; i++) {
    const item = { bytes: 0.9 * GB, bytesToLoad: 0.9 * GB, isBusy: false, evict: async () => void evicted.push(i) };
    await memory.load(item, async () => {});
  }
  expect(evicted).toEqual([]);
});
