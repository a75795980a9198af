export interface StopListener {
  /** Aborts with a text for the log as its reason. */
  readonly signal: AbortSignal;
  /** Listens no more: nothing here keeps the process alive, and signals end it at once. */
  ignore(): void;
}

/** Hears when this process is told to stop: by SIGINT or SIGTERM, or because the process that started it is gone. */
export function listenForStop(): StopListener {
  const controller = new AbortController();
  const stop = (reason: string) => controller.abort(reason);
  const onDisconnect = () => stop('the supervisor is gone');
  process.on('SIGINT', stop).on('SIGTERM', stop);
  // keeps the IPC channel open, and with it the process
  process.on('disconnect', onDisconnect);
  // npm runs a script in a shell, which doesn't pass on the signal that ends it: what remains to see is that it's gone.
  if (process.env.npm_lifecycle_event) {
    const parent = process.ppid;
    setInterval(() => process.ppid !== parent && stop('npm is gone'), 1000).unref();
  }
  return {
    signal: controller.signal,
    ignore: () => process.off('SIGINT', stop).off('SIGTERM', stop).off('disconnect', onDisconnect),
  };
}
