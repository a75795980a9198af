import { InputError } from '../../errors.ts';
import type { Component } from '../weights/component.ts';
import { expectFinite } from '../weights/finite.ts';
import { readTensor, type StreamedTensor, type TensorEntry, writeSafetensors } from '../weights/safetensors.ts';
import { quantiseRows, stepsFor, transposed } from './quantise-layer.ts';
import { type LayerRanges, RANGES_FILE, type Ranges } from './ranges.ts';

/** Convolutions of fewer channels stay float32: first and last of a network, little work and most of the error. */
const MIN_CHANNELS = 16;
/** What all layers depend on, and hardly any work: time and condition. */
const CONDITION = /^(time_embedding|add_embedding|encoder_hid_proj)\./;

/**
 * Writes the weights of a component as 8-bit integers, with the scales of its activations, to one .safetensors file:
 * all that `QuantisedOps` needs. Layers without ranges stay as they are.
 *
 * A convolution's weight W and bias b become q = round(W/s_w), s_w a scale for each output channel, and sums of 32 bits;
 * what it gives is steps of a scale s_y for each channel too, which `weight_scale` = s_w/s_y and the bias
 * b/s_y + zero point lead to: y = s_y·(round(s_x·s_w/s_y·Σ) − zero point).
 *
 * @param peak  greatest of the integers, see `quantiseRows`
 * @throws NonFiniteWeightError
 */
export async function quantiseComponent(
  component: Component<unknown>,
  ranges: Ranges,
  { path, peak }: { path: string; peak: number },
): Promise<void> {
  const { tensors } = component;
  await expectFinite([...tensors.values()]);
  const layers = [...tensors.values()].flatMap((weight) => {
    const name = layerOf(weight);
    const range = ranges[name];
    return range && isQuantised(weight) ? [{ name, weight, bias: tensors.get(`${name}.bias`), range, peak }] : [];
  });
  const planned = new Map<string, StreamedTensor>();
  // Whole words first, so that they lie at multiples of four bytes.
  const later = new Map<string, StreamedTensor>();
  for (const layer of layers) {
    for (const [key, tensor] of Object.entries(quantisedLayer(layer))) {
      (tensor.dtype === 'F32' || tensor.dtype === 'I32' ? planned : later).set(`${layer.name}.${key}`, tensor);
    }
  }
  for (const [name, entry] of tensors) if (!planned.has(name) && !later.has(name)) planned.set(name, asFloat(entry));
  await writeSafetensors(path, new Map([...planned, ...later]));
}

const layerOf = ({ name }: TensorEntry) => name.replace(/\.weight$/, '');

function isQuantised({ name, shape }: TensorEntry): boolean {
  if (!name.endsWith('.weight') || CONDITION.test(name)) return false;
  return shape.length === 2 || (shape.length === 4 && Math.min(shape[0]!, shape[1]!) >= MIN_CHANNELS);
}

interface Layer {
  readonly name: string;
  readonly weight: TensorEntry;
  readonly bias: TensorEntry | undefined;
  readonly range: LayerRanges;
  readonly peak: number;
}

/** What is stored of a layer, by the name below its own. */
function quantisedLayer({ name, weight, bias, range, peak }: Layer): Record<string, StreamedTensor> {
  const [outputs] = weight.shape as [number];
  const rows = async () => quantiseRows((await readTensor(weight)).data, outputs, peak);
  let found: Float32Array | undefined;
  const scales = async () => (found ??= (await rows()).scales);
  const input = stepsFor(range.input);
  const of = {
    input_scale: floats([], () => Float32Array.of(input.scale)),
    input_zero_point: bytes([], [input.zeroPoint]),
  };
  if (!range.output) {
    return {
      ...of,
      weight_scale: floats([outputs], scales),
      weight: integers('I8', weight.shape.toReversed(), async () => transposed((await rows()).values, outputs)),
    };
  }
  if (range.output.length !== outputs) {
    throw new InputError(
      `${RANGES_FILE}: ${name}: expected ranges of ${outputs} channels, found ${range.output.length}`,
    );
  }
  const output = range.output.map(stepsFor);
  const ratio = async () => (await scales()).map((scale, o) => scale / output[o]!.scale);
  return {
    ...of,
    weight_scale: floats([outputs], ratio),
    output_scale: floats([outputs], () => Float32Array.from(output, ({ scale }) => scale)),
    output_zero_point: bytes(
      [outputs],
      output.map(({ zeroPoint }) => zeroPoint),
    ),
    bias: integers('I32', [outputs], async () => {
      const biases = bias ? (await readTensor(bias)).data : new Float32Array(outputs);
      const ratios = await ratio();
      const target = (o: number) => biases[o]! / output[o]!.scale + output[o]!.zeroPoint;
      return Int32Array.from(ratios, (r, o) => Math.round(target(o) / (input.scale * r)));
    }),
    weight: integers('I8', weight.shape, async () => (await rows()).values),
  };
}

type Made<T> = T | Promise<T>;

function asFloat(entry: TensorEntry): StreamedTensor {
  return floats(entry.shape, async () => (await readTensor(entry)).data);
}

function floats(shape: readonly number[], make: () => Made<Float32Array>): StreamedTensor {
  return { shape, dtype: 'F32', chunks: () => once(make) };
}

function integers(
  dtype: 'I8' | 'I32',
  shape: readonly number[],
  make: () => Made<Int8Array | Int32Array>,
): StreamedTensor {
  return { shape, dtype, chunks: () => once(make) };
}

function bytes(shape: readonly number[], values: readonly number[]): StreamedTensor {
  return { shape, dtype: 'U8', chunks: () => once(() => Uint8Array.from(values)) };
}

async function* once<T>(make: () => Made<T>): AsyncGenerator<T> {
  yield await make();
}
