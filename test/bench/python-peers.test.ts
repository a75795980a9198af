import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPeer } from '../../src/engine/bench/peer.ts';
import { installedPeerPython } from '../../src/engine/bench/python.ts';
import { stepWork } from '../../src/engine/bench/works.ts';
import { writeUnetGraph } from '../../src/engine/bench/write-graph.ts';

const python = await installedPeerPython(process.env.PYTHON);
const UNET = fileURLToPath(new URL('../golden/kandinsky-tiny/decoder-model/unet', import.meta.url));
const script = (name: string) =>
  fileURLToPath(new URL(`../../src/engine/bench/peers/${name}_peer.py`, import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'unclip-peers-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe.skipIf(!python)('Python peers (skipped without torch, diffusers and openvino)', { timeout: 240_000 }, () => {
  it.each(['diffusers', 'openvino'])('%s takes a step of a U-Net, and says what it cannot do', async (name) => {
    const peer = startPeer({ name, command: python!, args: [script(name)] });
    const graph = await writeUnetGraph(UNET, join(folder, name));
    const work = { ...(await stepWork(UNET, 2)), graph };
    try {
      expect((await peer.open({ work, precision: 'float32', threads: 1 })).seconds).toBeGreaterThan(0);
      const { seconds, peakBytes } = await peer.run();
      expect(seconds).toBeGreaterThan(0);
      expect(peakBytes).toBeGreaterThan(2 ** 20);
      const missing = { ...work, folder: '/no/such/folder', graph: '/no/such/graph.onnx' };
      await expect(peer.open({ work: missing, precision: 'float32', threads: 1 })).rejects.toThrow('/no/such/');
    } finally {
      await peer.close();
    }
  });
});
