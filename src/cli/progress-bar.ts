import cliProgress, { type Options, type SingleBar } from 'cli-progress';

/** A bar on stderr, which goes when it is done. `{eta_formatted}` in its format is the time left, with a comma before it. */
export const createBar = (format: string, options: Options = {}): SingleBar =>
  new cliProgress.SingleBar(
    { format, formatTime, hideCursor: true, clearOnComplete: true, ...options },
    cliProgress.Presets.shades_classic,
  );

/** As long as it isn't known, cli-progress gives '0', 'NULL' or 'INF' instead of a number of seconds. */
const formatTime: typeof cliProgress.Format.TimeFormat = (time, ...options) =>
  typeof time === 'number' ? `, ${cliProgress.Format.TimeFormat(time, ...options)} left` : '';

/** Where stderr is no terminal, a line now and then. */
export const WITHOUT_TERMINAL: Options = { noTTYOutput: true, notTTYSchedule: 30_000 };

export interface StageBar {
  /** The bar of a stage, which begins where another one was under way. */
  at(stage: string, total: number, done?: number): SingleBar;
  stop(): void;
}

/** A bar for each stage, one after another. @param longest of the stages' names */
export function createStageBar(format: string, longest: string, options?: Options): StageBar {
  const bar = createBar(format, options);
  let shown = '';
  return {
    at(stage, total, done = 0) {
      if (stage !== shown) {
        bar.stop();
        shown = stage;
        bar.start(total, done, { stage: stage.padEnd(longest.length) });
      }
      return bar;
    },
    stop: () => bar.stop(),
  };
}
