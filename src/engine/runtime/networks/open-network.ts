import { type Tensor, tensor } from '../../tensor.ts';
import { expectFinite } from '../../weights/finite.ts';
import { readTensor, type TensorEntry } from '../../weights/safetensors.ts';
import type { IntegerTensor } from '../onnx-session.ts';

/**
 * Networks ready to run. Opening reads config and weight headers and throws the InputErrors of a broken folder;
 * the weights themselves are loaded at the first call, which throws NonFiniteWeightError where one is NaN or infinite.
 * `close()` frees them: onnxruntime frees nothing by itself.
 */
export interface Open<Config> {
  readonly config: Config;
  close(): Promise<void>;
}

export async function readFinite(entry: TensorEntry): Promise<Float32Array> {
  await expectFinite([entry]);
  return (await readTensor(entry)).data;
}

export const column = (values: readonly number[]): Tensor => tensor(Float32Array.from(values), [values.length, 1]);

export const integers = (values: readonly number[], shape: readonly number[]): IntegerTensor => ({
  data: Int32Array.from(values),
  shape,
});
