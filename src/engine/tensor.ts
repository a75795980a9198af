/** A dense float32 tensor, row major. Images are (B, C, H, W), tokens (B, N, D), embeddings (B, D). */
export interface Tensor {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

export function tensor(data: Float32Array, shape: readonly number[]): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  if (data.length !== size)
    throw new RangeError(`shape (${shape.join(', ')}) holds ${size} elements, found ${data.length}`);
  return { data, shape };
}

/** Rows [from, to) of the first axis, as a view. */
export function rows(x: Tensor, from: number, to: number): Tensor {
  const [batch, ...rest] = x.shape as [number, ...number[]];
  if (from < 0 || to > batch || from > to) throw new RangeError(`rows ${from}…${to} of ${batch}`);
  const stride = x.data.length / batch;
  return { data: x.data.subarray(from * stride, to * stride), shape: [to - from, ...rest] };
}

/** Stacks along the first axis: all other axes must agree. */
export function concatRows(parts: readonly Tensor[]): Tensor {
  const [first] = parts;
  if (!first) throw new RangeError('nothing to concatenate');
  const rest = first.shape.slice(1);
  const data = new Float32Array(parts.reduce((n, p) => n + p.data.length, 0));
  let batch = 0;
  let offset = 0;
  for (const part of parts) {
    if (part.shape.slice(1).join() !== rest.join()) {
      throw new RangeError(`cannot stack (${part.shape.join(', ')}) on (${first.shape.join(', ')})`);
    }
    data.set(part.data, offset);
    offset += part.data.length;
    batch += part.shape[0] as number;
  }
  return { data, shape: [batch, ...rest] };
}

/** Joins images (B, C, H, W) along their channels: all other axes must agree. */
export function concatChannels(parts: readonly Tensor[]): Tensor {
  const [first] = parts;
  if (!first) throw new RangeError('nothing to concatenate');
  const [batch, , ...size] = first.shape as [number, number, ...number[]];
  for (const { shape } of parts) {
    if (shape[0] !== batch || shape.slice(2).join() !== size.join()) {
      throw new RangeError(`cannot join (${shape.join(', ')}) with (${first.shape.join(', ')})`);
    }
  }
  const data = new Float32Array(parts.reduce((n, part) => n + part.data.length, 0));
  let offset = 0;
  for (let row = 0; row < batch; row++) {
    for (const part of parts) {
      const slice = rows(part, row, row + 1).data;
      data.set(slice, offset);
      offset += slice.length;
    }
  }
  return { data, shape: [batch, parts.reduce((n, part) => n + part.shape[1]!, 0), ...size] };
}

/** The first channels of an image: (B, C', H, W) → (B, C, H, W). */
export function firstChannels(x: Tensor, channels: number): Tensor {
  const [batch, found, ...size] = x.shape as [number, number, ...number[]];
  if (found === channels) return x;
  const length = (x.data.length / (batch * found)) * channels;
  const data = new Float32Array(batch * length);
  for (let row = 0; row < batch; row++) data.set(rows(x, row, row + 1).data.subarray(0, length), row * length);
  return { data, shape: [batch, channels, ...size] };
}
