import type { TensorFlow } from '../ops/tfjs-ops.ts';

type WriteScalars = (step: number, figures: Readonly<Record<string, number>>) => void;

/** TensorFlow.js's native backend, which the API that all backends share says nothing of. */
interface NativeTensorFlow {
  readonly node?: {
    summaryFileWriter(folder: string): { scalar(name: string, value: number, step: number): void };
  };
}

/** Writes figures into a run's folder as TensorBoard reads them; on other backends than the native one nowhere. */
export function openCurves(tf: TensorFlow, folder: string): WriteScalars {
  const writer = (tf as NativeTensorFlow).node?.summaryFileWriter(folder);
  return (step, figures) => {
    for (const [name, figure] of Object.entries(figures)) if (name !== 'step') writer?.scalar(name, figure, step);
  };
}
