import { type DestinationStream, type Logger, pino } from 'pino';
import pretty from 'pino-pretty';
import type { Config } from './config.ts';

/** The log of one process, on stderr: lines for people on a terminal, JSON elsewhere. */
export function createLog(name: string, { logLevel }: Pick<Config, 'logLevel'>): Logger {
  const stream: DestinationStream = process.stderr.isTTY
    ? pretty({ destination: 2, sync: true, ignore: 'pid,hostname', translateTime: 'HH:MM:ss' })
    : pino.destination({ fd: 2, sync: true });
  return pino({ name, level: logLevel }, stream);
}
