import { once } from 'node:events';
import type { Logger } from 'pino';
import { listenForStop } from './stop-signal.ts';

/** Runs a service until it is told to stop. A supervisor is told when the service is ready. */
export async function serve(log: Logger, start: () => Promise<{ close(): Promise<void> }>): Promise<void> {
  const { signal, ignore } = listenForStop();
  try {
    const service = await start();
    log.info('ready');
    process.send?.('ready');
    if (!signal.aborted) await once(signal, 'abort');
    log.info({ reason: signal.reason }, 'stopping');
    await service.close();
  } finally {
    ignore();
  }
}
