import type { Logger } from 'pino';

/**
 * Runs a service until it is told to stop: by SIGINT or SIGTERM, or because the process that started it is gone.
 * A supervisor is told when the service is ready.
 */
export async function serve(log: Logger, start: () => Promise<{ close(): Promise<void> }>): Promise<void> {
  const stop = new Promise<string>((resolve) => {
    process.on('SIGINT', () => resolve('SIGINT'));
    process.on('SIGTERM', () => resolve('SIGTERM'));
    process.on('disconnect', () => resolve('the supervisor is gone'));
  });
  const service = await start();
  process.send?.('ready');
  log.info('ready');
  const reason = await stop;
  log.info({ reason }, 'stopping');
  await service.close();
  // An open IPC channel would keep the process alive.
  if (process.connected) process.disconnect();
}
