import { type Options, Presets, SingleBar } from 'cli-progress';

/** A bar on stderr, which goes when it is done. */
export const createBar = (format: string, options: Options = {}): SingleBar =>
  new SingleBar({ format, hideCursor: true, clearOnComplete: true, ...options }, Presets.shades_classic);

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
