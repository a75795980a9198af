import { Worker } from 'node:worker_threads';
import type { LaneRequest, LaneResponse } from './lane-messages.ts';
import type { Loadable, Loaded, Outputs } from './onnx-session.ts';

interface Pending {
  resolve(outputs: Outputs | undefined): void;
  reject(reason: unknown): void;
}

type Asked = LaneRequest extends infer R ? (R extends LaneRequest ? Omit<R, 'id'> : never) : never;

/** A thread that runs networks beside this one. It keeps no process alive by itself. */
export class Lane {
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #next = 0;

  async load(loadable: Loadable): Promise<Loaded> {
    const session = this.#next++;
    await this.#ask({ type: 'load', session, loadable });
    return {
      run: async (inputs, wanted) => (await this.#ask({ type: 'run', session, inputs, wanted }))!,
      release: async () => {
        await this.#ask({ type: 'release', session });
      },
    };
  }

  #ask(request: Asked): Promise<Outputs | undefined> {
    this.#worker ??= this.#start();
    const worker = this.#worker;
    const id = this.#next++;
    worker.ref();
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      // Its part of the rows is its own.
      const inputs = request.type === 'run' ? Object.values(request.inputs) : [];
      const buffers = inputs.map(({ data }) => data.buffer as ArrayBuffer);
      worker.postMessage({ ...request, id } satisfies LaneRequest, buffers);
    });
  }

  #start(): Worker {
    const worker = new Worker(new URL('./lane-worker.js', import.meta.url));
    worker.on('message', (response: LaneResponse) => {
      const pending = this.#pending.get(response.id);
      this.#pending.delete(response.id);
      if (this.#pending.size === 0) worker.unref();
      if ('error' in response) pending?.reject(response.error);
      else pending?.resolve(response.outputs);
    });
    worker.on('error', (error) => {
      for (const { reject } of this.#pending.values()) reject(error);
      this.#pending.clear();
      this.#worker = undefined;
    });
    return worker;
  }
}
