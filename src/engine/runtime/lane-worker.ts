import { parentPort } from 'node:worker_threads';
import type { LaneRequest, LaneResponse } from './lane-messages.ts';
import { type Loaded, load, type Outputs } from './onnx-session.ts';

/** The thread of a lane: loads and runs what it is told to. */
const sessions = new Map<number, Loaded>();

parentPort?.on('message', async (request: LaneRequest) => {
  const { id } = request;
  try {
    const outputs = await answer(request);
    const buffers = Object.values(outputs ?? {}).map(({ data }) => data.buffer as ArrayBuffer);
    parentPort?.postMessage({ id, outputs } satisfies LaneResponse, buffers);
  } catch (error) {
    parentPort?.postMessage({ id, error } satisfies LaneResponse);
  }
});

async function answer(request: LaneRequest): Promise<Outputs | undefined> {
  const { session } = request;
  switch (request.type) {
    case 'load':
      sessions.set(session, await load(request.loadable));
      return undefined;
    case 'run':
      return sessions.get(session)!.run(request.inputs, request.wanted);
    case 'release':
      await sessions.get(session)?.release();
      sessions.delete(session);
      return undefined;
  }
}
