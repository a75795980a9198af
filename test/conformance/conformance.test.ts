import { beforeAll, describe, expect, test } from 'vitest';
import { DYNAMIC } from '../../src/engine/ops/onnx-graph.ts';
import { OnnxOps } from '../../src/engine/ops/onnx-ops.ts';
import type { IntegerTensor } from '../../src/engine/runtime/onnx-session.ts';
import { Session } from '../../src/engine/runtime/session.ts';
import type { Tensor } from '../../src/engine/tensor.ts';
import { CASES, type Case, type Layout } from './cases.ts';
import { ReferenceOps } from './reference-ops.ts';
import { TENSORFLOWS, tfjs, titleOf } from './tfjs-backend.ts';

/** How a backend under test computes a case. */
type Compute = (conformanceCase: Case) => Promise<Tensor[]>;

describe('onnx computes as defined', () => conforms(onnx));
for (const [name, backend] of Object.entries(TENSORFLOWS)) {
  describe.skipIf(backend.skipped)(`${titleOf(name, backend)} computes as defined`, () => {
    beforeAll(backend.select);
    conforms(tfjs(backend.tf));
  });
}

function conforms(computeCase: Compute): void {
  test.each(CASES)('$name', async (conformanceCase) => {
    const { inputs, compute } = conformanceCase;
    const expected = compute(
      new ReferenceOps(),
      inputs.map(({ value }) => value),
    );
    const actual = await computeCase(conformanceCase);
    expect(actual.length).toBe(expected.length);
    for (const [i, tensor] of expected.entries()) expect(actual[i]!).toBeAllClose(tensor, { atol: 1e-5, rtol: 1e-5 });
  });
}

const OPEN_AXES: Record<Layout, readonly number[]> = {
  image: [0, 2, 3],
  tokens: [0, 1],
  vector: [0],
  scores: [2, 3],
  ids: [0, 1],
  parameter: [],
};

async function onnx({ inputs, compute }: Case): Promise<Tensor[]> {
  const ops = new OnnxOps();
  const feeds: Record<string, Tensor | IntegerTensor> = {};
  const values = inputs.map(({ layout, value: { data, shape } }, i) => {
    const name = `input${i}`;
    const ids = layout === 'ids';
    feeds[name] = ids ? { data: Int32Array.from(data), shape } : { data, shape };
    const sizes = shape.map((size, axis) => (OPEN_AXES[layout].includes(axis) ? DYNAMIC : size));
    return ops.input(name, sizes, ids ? 'integer' : 'float');
  });
  for (const [i, output] of compute(ops, values).entries()) ops.output(`output${i}`, output);

  const session = new Session(ops.graph, { threads: 1 });
  try {
    return Object.values(await session.run(feeds));
  } finally {
    await session.close();
  }
}
