import { beforeAll, describe, expect, test } from 'vitest';
import type { Tensor } from '../../src/engine/tensor.ts';
import { CASES, type Case } from './cases.ts';
import { ReferenceOps } from './reference-ops.ts';
import { TENSORFLOWS, tfjsGradients, titleOf } from './tfjs-backend.ts';

interface Difference {
  readonly step: number;
  readonly atol: number;
}

const USUAL: Difference = { step: 1e-2, atol: 4e-3 };

/** relu has a kink that a difference must not lie across; sine and cosine of large numbers turn within a step of the usual size. */
const OTHERS: Readonly<Record<string, Difference>> = {
  'activation relu': { step: 1e-3, atol: 4e-3 },
  sin: { step: 1e-4, atol: 0.3 },
  cos: { step: 1e-4, atol: 0.3 },
};

for (const [name, backend] of Object.entries(TENSORFLOWS)) {
  describe.skipIf(backend.skipped)(`${titleOf(name, backend)}: gradients agree with central differences`, () => {
    beforeAll(backend.select);

    test.each(CASES)('$name', async (conformanceCase) => {
      const { step, atol } = OTHERS[conformanceCase.name] ?? USUAL;
      const weights = outputWeights(conformanceCase);
      for (const [i, gradient] of (await tfjsGradients(backend.tf, conformanceCase, weights)).entries()) {
        const expected = differences(conformanceCase, i, weights, step);
        if (gradient) expect(gradient).toBeAllClose(expected, { atol, rtol: 1e-2 });
      }
    });
  });
}

/** Different numbers of the shapes of the outputs, so that no mistake cancels out. */
function outputWeights(conformanceCase: Case): Tensor[] {
  const outputs = evaluate(
    conformanceCase,
    conformanceCase.inputs.map(({ value }) => value),
  );
  return outputs.map(({ shape, data }) => ({ shape, data: data.map((_, i) => Math.sin(1 + 7 * i)) }));
}

const evaluate = ({ compute }: Case, values: Tensor[]) => compute(new ReferenceOps(), values);

function differences(conformanceCase: Case, input: number, weights: readonly Tensor[], step: number): Tensor {
  const values = conformanceCase.inputs.map(({ value }) => value);
  const { data, shape } = values[input]!;
  const at = (i: number, x: number) => {
    const moved = values.with(input, { shape, data: data.with(i, x) });
    return evaluate(conformanceCase, moved).reduce((sum, output, k) => sum + weightedSum(output, weights[k]!), 0);
  };
  return { shape, data: data.map((x, i) => (at(i, x + step) - at(i, x - step)) / (2 * step)) };
}

const weightedSum = (x: Tensor, weights: Tensor) => x.data.reduce((sum, value, i) => sum + value * weights.data[i]!, 0);
