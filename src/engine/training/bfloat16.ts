import { InputError } from '../../errors.ts';
import type { TensorFlow } from '../ops/tfjs-ops.ts';
import { whyNoBfloat16 } from '../processor.ts';
import { type Binding, nativeBackend } from './native-backend.ts';

/** In which a training multiplies; it sums, and keeps weights and all else, in float32. */
export const PRECISIONS = ['float32', 'bfloat16'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** TensorFlow's operations that are nearly all of the work, and which of their inputs are numbers to multiply. */
const FACTORS: ReadonlyMap<string, readonly number[]> = new Map([
  ['Conv2D', [0, 1]],
  ['Conv2DBackpropInput', [1, 2]],
  ['Conv2DBackpropFilter', [0, 2]],
  ['BatchMatMulV2', [0, 1]],
]);

/** In TensorFlow's enumeration of types; TensorFlow.js has no name for it. */
const DT_BFLOAT16 = 14;

/**
 * Computes with convolutions and matrix products, and their gradients, of numbers that are rounded to bfloat16: 8 bits of
 * float32's 24, in float32's range, so that no loss has to be scaled (Kalamkar et al. 2019). Sums are float32's; results are
 * rounded and come back as float32.
 * @param tf on a native backend
 */
export function inBfloat16<R>(tf: TensorFlow, compute: () => R): R {
  const backend = nativeBackend(tf);
  const { binding } = backend;
  backend.binding = Object.create(binding, { executeOp: { value: executorOf(binding) } }) as Binding;
  try {
    return compute();
  } finally {
    backend.binding = binding;
  }
}

function executorOf(binding: Binding): Binding['executeOp'] {
  const { TF_ATTR_TYPE, TF_ATTR_BOOL, TF_FLOAT } = binding;
  const type = (name: string, value: number) => ({ name, type: TF_ATTR_TYPE, value });
  const cast = (id: number, from: number, to: number) => {
    const attributes = [type('SrcT', from), type('DstT', to), { name: 'Truncate', type: TF_ATTR_BOOL, value: false }];
    return binding.executeOp('Cast', attributes, [id], 1);
  };
  return (operation, attributes, inputs, outputs) => {
    const factors = FACTORS.get(operation);
    if (!factors || !attributes.some(({ name, value }) => name === 'T' && value === TF_FLOAT))
      return binding.executeOp(operation, attributes, inputs, outputs);
    const rounded = [...inputs];
    for (const i of factors) rounded[i] = cast(inputs[i]!, TF_FLOAT, DT_BFLOAT16)[0]!.id;
    const inBfloat16 = attributes.map((it) => (it.name === 'T' ? type('T', DT_BFLOAT16) : it));
    const [product] = binding.executeOp(operation, inBfloat16, rounded, 1);
    for (const i of factors) binding.deleteTensor(rounded[i]!);
    const result = cast(product!.id, DT_BFLOAT16, TF_FLOAT);
    binding.deleteTensor(product!.id);
    return result;
  };
}

/** @throws InputError where the processor doesn't multiply bfloat16: without instructions for it TensorFlow takes many times as long */
export function requireBfloat16(): void {
  const reason = whyNoBfloat16();
  if (reason)
    throw new InputError(
      `--precision bfloat16 wants a processor with instructions for it, and ${reason}: leave it out`,
    );
}
