/**
 * Aborts when this process is told to stop: by SIGINT or SIGTERM, or because the process that started it is gone.
 * The reason is a text for the log.
 */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (reason: string) => controller.abort(reason);
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('disconnect', () => stop('the supervisor is gone'));
  // npm runs a script in a shell, which doesn't pass on the signal that ends it: what remains to see is that it's gone.
  if (process.env.npm_lifecycle_event) {
    const parent = process.ppid;
    setInterval(() => process.ppid !== parent && stop('npm is gone'), 1000).unref();
  }
  return controller.signal;
}
