export interface StopListener {
  /** Aborts with a text for the log as its reason. */
  readonly signal: AbortSignal;
  /** Listens no more: nothing here keeps the process alive, and signals end it at once. */
  ignore(): void;
}

/** SIGHUP comes when the terminal is closed, nohup or not: Node sets back what nohup has ignored. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Ctrl+C reaches this process from the terminal, and once more from npm, which passes it on. */
const SAME_SIGNAL_MS = 1000;

/**
 * Hears when this process is told to stop: by a signal, or because the process that started it is gone. A second
 * signal ends it at once.
 */
export function listenForStop(): StopListener {
  const controller = new AbortController();
  let toldAt = 0;
  const stop = (reason: string) => {
    if (controller.signal.aborted) return;
    toldAt = Date.now();
    controller.abort(reason);
  };
  const onSignal = (signal: NodeJS.Signals) => {
    if (!controller.signal.aborted) return stop(signal);
    if (Date.now() - toldAt < SAME_SIGNAL_MS) return;
    ignore();
    process.kill(process.pid, signal);
  };
  const onDisconnect = () => stop('the supervisor is gone');
  for (const signal of SIGNALS) process.on(signal, onSignal);
  // keeps the IPC channel open, and with it the process
  process.on('disconnect', onDisconnect);
  // npm runs a script in a shell, which doesn't pass on the signal that ends it: what remains to see is that it's gone.
  const parent = process.ppid;
  const watch = process.env.npm_lifecycle_event
    ? setInterval(() => process.ppid !== parent && stop('npm is gone'), 1000).unref()
    : undefined;
  const ignore = () => {
    clearInterval(watch);
    for (const signal of SIGNALS) process.off(signal, onSignal);
    process.off('disconnect', onDisconnect);
  };
  return { signal: controller.signal, ignore };
}
