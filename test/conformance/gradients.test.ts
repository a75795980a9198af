import { expect, test } from 'vitest';
import type { Tensor } from '../../src/engine/tensor.ts';
import { CASES, type Case } from './cases.ts';
import { ReferenceOps } from './reference-ops.ts';
import { tfjsGradients } from './tfjs-backend.ts';

const STEP = 1e-2;

/** A difference across relu's kink is no derivative; sin and cos of large numbers oscillate faster than the step. */
const NOT_COMPARABLE = ['activation relu', 'sin', 'cos'];

test.each(CASES.filter(({ name }) => !NOT_COMPARABLE.includes(name)))(
  'tfjs: gradient of $name, against central differences',
  (conformanceCase) => {
    const weights = outputWeights(conformanceCase);
    const found = tfjsGradients(conformanceCase, weights);
    for (const [i, gradient] of found.entries()) {
      if (gradient) expect(gradient).toBeAllClose(differences(conformanceCase, i, weights), { atol: 4e-3, rtol: 1e-2 });
    }
  },
);

/** Different numbers of the shapes of the outputs, so that no mistake cancels out. */
function outputWeights(conformanceCase: Case): Tensor[] {
  const outputs = evaluate(
    conformanceCase,
    conformanceCase.inputs.map(({ value }) => value),
  );
  return outputs.map(({ shape, data }) => ({ shape, data: data.map((_, i) => Math.sin(1 + 7 * i)) }));
}

const evaluate = ({ compute }: Case, values: Tensor[]) => compute(new ReferenceOps(), values);

function differences(conformanceCase: Case, input: number, weights: readonly Tensor[]): Tensor {
  const values = conformanceCase.inputs.map(({ value }) => value);
  const { data, shape } = values[input]!;
  const at = (i: number, x: number) => {
    const moved = values.with(input, { shape, data: data.with(i, x) });
    return evaluate(conformanceCase, moved).reduce((sum, output, k) => sum + weightedSum(output, weights[k]!), 0);
  };
  return { shape, data: data.map((x, i) => (at(i, x + STEP) - at(i, x - STEP)) / (2 * STEP)) };
}

const weightedSum = (x: Tensor, weights: Tensor) => x.data.reduce((sum, value, i) => sum + value * weights.data[i]!, 0);
