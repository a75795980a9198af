import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { listenForStop, type StopListener } from '../../src/cli/stop-signal.ts';

let stop: StopListener;
const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
beforeEach(() => {
  vi.useFakeTimers();
  kill.mockClear();
});
afterEach(() => {
  stop.ignore();
  vi.unstubAllEnvs();
  vi.useRealTimers();
});

/** Calls the listener alone that was added last: the test's own process is not to hear of it. */
const send = (signal: NodeJS.Signals) => (process.listeners(signal).at(-1) as (signal: NodeJS.Signals) => void)(signal);

test('the first signal is heard, the second ends the process', () => {
  const before = process.listenerCount('SIGINT');
  stop = listenForStop();
  send('SIGINT');
  expect(stop.signal.reason).toBe('SIGINT');
  vi.advanceTimersByTime(2000);
  send('SIGTERM');
  expect(kill).toHaveBeenCalledExactlyOnceWith(process.pid, 'SIGTERM');
  expect(process.listenerCount('SIGINT')).toBe(before);
});

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s is heard, and its listener goes', (signal) => {
  const before = process.listenerCount(signal);
  stop = listenForStop();
  send(signal);
  expect(stop.signal.reason).toBe(signal);
  stop.ignore();
  expect(process.listenerCount(signal)).toBe(before);
});

test('what npm passes on of the same Ctrl+C is no second signal', () => {
  stop = listenForStop();
  send('SIGINT');
  vi.advanceTimersByTime(20);
  send('SIGINT');
  expect(stop.signal.reason).toBe('SIGINT');
  expect(kill).not.toHaveBeenCalled();
});

test('it hears that npm is gone, until it listens no more', () => {
  vi.stubEnv('npm_lifecycle_event', 'train');
  const parent = vi.spyOn(process, 'ppid', 'get').mockReturnValue(7);
  stop = listenForStop();
  const other = listenForStop();
  vi.advanceTimersByTime(3000);
  expect(stop.signal.aborted).toBe(false);
  other.ignore();
  parent.mockReturnValue(1);
  vi.advanceTimersByTime(1000);
  expect(stop.signal.reason).toBe('npm is gone');
  expect(other.signal.aborted).toBe(false);
});
