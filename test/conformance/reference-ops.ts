import type { Activation, AttentionOptions, Conv2dOptions, Ops } from '../../src/engine/ops/ops.ts';
import type { Tensor } from '../../src/engine/tensor.ts';

type Index = readonly number[];

/** The operations by their definitions, element by element: slow, and plain enough to be believed. */
export class ReferenceOps implements Ops<Tensor> {
  linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
    const [outputs, inputs] = weight.shape as [number, number];
    return fill([...x.shape.slice(0, -1), outputs], (at) => {
      const [row, o] = [at.slice(0, -1), at.at(-1)!];
      const products = sum(inputs, (i) => get(x, [...row, i]) * get(weight, [o, i]));
      return products + (bias ? get(bias, [o]) : 0);
    });
  }

  conv2d(x: Tensor, weight: Tensor, bias: Tensor | undefined, { stride = 1, padding = 0 }: Conv2dOptions): Tensor {
    const [top, left, bottom, right] = typeof padding === 'number' ? [padding, padding, padding, padding] : padding;
    const [batch, channels, height, width] = x.shape as [number, number, number, number];
    const [outputs, , kernelHeight, kernelWidth] = weight.shape as [number, number, number, number];
    const rows = Math.floor((height + top + bottom - kernelHeight) / stride) + 1;
    const columns = Math.floor((width + left + right - kernelWidth) / stride) + 1;
    const pixel = (b: number, c: number, h: number, w: number) =>
      h < 0 || h >= height || w < 0 || w >= width ? 0 : get(x, [b, c, h, w]);
    return fill([batch, outputs, rows, columns], ([b, o, r, q]) => {
      const products = sum(channels, (c) =>
        sum(kernelHeight, (i) =>
          sum(
            kernelWidth,
            (j) => pixel(b!, c, r! * stride + i - top, q! * stride + j - left) * get(weight, [o!, c, i, j]),
          ),
        ),
      );
      return products + (bias ? get(bias, [o!]) : 0);
    });
  }

  groupNorm(x: Tensor, weight: Tensor, bias: Tensor, { groups, eps }: { groups: number; eps: number }): Tensor {
    const size = x.shape[1]! / groups;
    return fill(x.shape, ([b, c, ...position]) => {
      const group = Math.floor(c! / size);
      const members = indices([size, ...x.shape.slice(2)]).map(([i, ...p]) => get(x, [b!, group * size + i!, ...p]));
      return normalize(get(x, [b!, c!, ...position]), members, eps) * get(weight, [c!]) + get(bias, [c!]);
    });
  }

  layerNorm(x: Tensor, weight: Tensor, bias: Tensor, { eps }: { eps: number }): Tensor {
    return fill(x.shape, (at) => {
      const row = Array.from({ length: x.shape.at(-1)! }, (_, d) => get(x, [...at.slice(0, -1), d]));
      return normalize(get(x, at), row, eps) * get(weight, [at.at(-1)!]) + get(bias, [at.at(-1)!]);
    });
  }

  embedding(ids: Tensor, table: Tensor): Tensor {
    return fill([...ids.shape, table.shape[1]!], (at) => get(table, [get(ids, at.slice(0, -1)), at.at(-1)!]));
  }

  add(a: Tensor, b: Tensor): Tensor {
    return broadcast(a, b, (x, y) => x + y);
  }
  sub(a: Tensor, b: Tensor): Tensor {
    return broadcast(a, b, (x, y) => x - y);
  }
  mul(a: Tensor, b: Tensor): Tensor {
    return broadcast(a, b, (x, y) => x * y);
  }
  affine(x: Tensor, factor: number, offset: number): Tensor {
    return map(x, (value) => value * factor + offset);
  }
  activation(x: Tensor, kind: Activation): Tensor {
    return map(x, ACTIVATION[kind]);
  }
  sin(x: Tensor): Tensor {
    return map(x, Math.sin);
  }
  cos(x: Tensor): Tensor {
    return map(x, Math.cos);
  }
  constant(data: Float32Array, shape: readonly number[]): Tensor {
    return { data, shape };
  }

  concatChannels(parts: readonly Tensor[]): Tensor {
    return concat(parts, channelAxis(parts[0]!));
  }
  concatTokens(parts: readonly Tensor[]): Tensor {
    return concat(parts, 1);
  }
  splitChannels(x: Tensor, parts: number): Tensor[] {
    const axis = channelAxis(x);
    const size = x.shape[axis]! / parts;
    return Array.from({ length: parts }, (_, part) =>
      fill(x.shape.with(axis, size), (at) => get(x, at.with(axis, part * size + at[axis]!))),
    );
  }
  tokensFromImage(x: Tensor): Tensor {
    const [batch, channels, height, width] = x.shape as [number, number, number, number];
    return fill([batch, height * width, channels], ([b, n, c]) => get(x, [b!, c!, Math.floor(n! / width), n! % width]));
  }
  imageFromTokens(x: Tensor, like: Tensor): Tensor {
    const [height, width] = like.shape.slice(2) as [number, number];
    return fill([x.shape[0]!, x.shape[2]!, height, width], ([b, c, h, w]) => get(x, [b!, h! * width + w!, c!]));
  }
  tokensFromVector(x: Tensor, n: number): Tensor {
    return { data: x.data, shape: [x.shape[0]!, n, x.shape[1]! / n] };
  }
  transposeTokens(x: Tensor): Tensor {
    const [batch, tokens, width] = x.shape as [number, number, number];
    return fill([batch, width, tokens], ([b, d, n]) => get(x, [b!, n!, d!]));
  }
  tokensFromParameter(x: Tensor): Tensor {
    return { data: x.data, shape: x.shape.length === 1 ? [1, 1, ...x.shape] : [1, ...x.shape] };
  }
  perChannel(x: Tensor): Tensor {
    return { data: x.data, shape: [...x.shape, 1, 1] };
  }
  perKey(x: Tensor): Tensor {
    return { data: x.data, shape: [x.shape[0]!, 1, 1, x.shape[1]!] };
  }
  takeToken(x: Tensor, index: number): Tensor {
    const token = index < 0 ? x.shape[1]! + index : index;
    return fill([x.shape[0]!, x.shape[2]!], ([b, d]) => get(x, [b!, token, d!]));
  }
  gatherToken(x: Tensor, positions: Tensor): Tensor {
    return fill([x.shape[0]!, x.shape[2]!], ([b, d]) => get(x, [b!, get(positions, [b!]), d!]));
  }
  sliceTokens(x: Tensor, from: number, to: number): Tensor {
    return fill(x.shape.with(1, to - from), ([b, n, d]) => get(x, [b!, from + n!, d!]));
  }
  repeatBatch(x: Tensor, like: Tensor): Tensor {
    return fill(x.shape.with(0, like.shape[0]!), ([, n, d]) => get(x, [0, n!, d!]));
  }

  upsampleNearest2x(x: Tensor): Tensor {
    const [batch, channels, height, width] = x.shape as [number, number, number, number];
    return fill([batch, channels, 2 * height, 2 * width], ([b, c, h, w]) => get(x, [b!, c!, h! >> 1, w! >> 1]));
  }
  averagePool2x(x: Tensor): Tensor {
    const [batch, channels, height, width] = x.shape as [number, number, number, number];
    return fill([batch, channels, height >> 1, width >> 1], ([b, c, h, w]) =>
      sum(2, (i) => sum(2, (j) => get(x, [b!, c!, 2 * h! + i, 2 * w! + j]) / 4)),
    );
  }
  resizeNearest(x: Tensor, like: Tensor): Tensor {
    const [height, width] = x.shape.slice(2) as [number, number];
    const [rows, columns] = like.shape.slice(2) as [number, number];
    return fill([...x.shape.slice(0, 2), rows, columns], ([b, c, h, w]) =>
      get(x, [b!, c!, Math.floor((h! * height) / rows), Math.floor((w! * width) / columns)]),
    );
  }

  attention(q: Tensor, k: Tensor, v: Tensor, { heads, bias, causal = false }: AttentionOptions<Tensor>): Tensor {
    const [, , width] = q.shape as [number, number, number];
    const keys = k.shape[1]!;
    const size = width / heads;
    const biasOf = (b: number, head: number, n: number, m: number) => {
      if (!bias || m >= bias.shape[3]!) return 0;
      return get(
        bias,
        [b, head, n, m].map((i, axis) => (bias.shape[axis] === 1 && axis < 3 ? 0 : i)),
      );
    };
    const score = (b: number, head: number, n: number, m: number) => {
      if (causal && m > n) return Number.NEGATIVE_INFINITY;
      const product = sum(size, (d) => get(q, [b, n, head * size + d]) * get(k, [b, m, head * size + d]));
      return product / Math.sqrt(size) + biasOf(b, head, n, m);
    };
    return fill(q.shape, ([b, n, d]) => {
      const head = Math.floor(d! / size);
      const scores = Array.from({ length: keys }, (_, m) => score(b!, head, n!, m));
      const weights = scores.map((s) => Math.exp(s - Math.max(...scores)));
      return sum(keys, (m) => weights[m]! * get(v, [b!, m, d!])) / weights.reduce((a, w) => a + w);
    });
  }
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

const ACTIVATION: Record<Activation, (x: number) => number> = {
  silu: (x) => x * sigmoid(x),
  gelu: (x) => (x / 2) * (1 + erf(x / Math.SQRT2)),
  gelu_tanh: (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  quick_gelu: (x) => x * sigmoid(1.702 * x),
  relu: (x) => Math.max(0, x),
  mish: (x) => x * Math.tanh(Math.log1p(Math.exp(x))),
  tanh: Math.tanh,
  sigmoid,
};

/** 2/√π·Σ (−1)ⁿ x^(2n+1) / (n!·(2n+1)): exact enough for |x| ≤ 5. */
function erf(x: number): number {
  let [power, total] = [x, 0];
  for (let n = 0; n < 120; n++) {
    total += power / (2 * n + 1);
    power *= -(x * x) / (n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * total;
}

function normalize(x: number, members: readonly number[], eps: number): number {
  const mean = members.reduce((a, b) => a + b) / members.length;
  const variance = members.reduce((a, b) => a + (b - mean) ** 2, 0) / members.length;
  return (x - mean) / Math.sqrt(variance + eps);
}

function broadcast(a: Tensor, b: Tensor, f: (x: number, y: number) => number): Tensor {
  const shape = a.shape.map((size, axis) => Math.max(size, b.shape[axis]!));
  const pick = (x: Tensor, at: Index) =>
    get(
      x,
      at.map((i, axis) => (x.shape[axis] === 1 ? 0 : i)),
    );
  return fill(shape, (at) => f(pick(a, at), pick(b, at)));
}

function concat(parts: readonly Tensor[], axis: number): Tensor {
  const total = parts.reduce((size, { shape }) => size + shape[axis]!, 0);
  return fill(parts[0]!.shape.with(axis, total), (at) => {
    let i = at[axis]!;
    for (const part of parts) {
      if (i < part.shape[axis]!) return get(part, at.with(axis, i));
      i -= part.shape[axis]!;
    }
    throw new RangeError('beyond the last part');
  });
}

const channelAxis = ({ shape }: Tensor) => (shape.length === 4 ? 1 : shape.length - 1);
const map = (x: Tensor, f: (value: number) => number): Tensor => ({ data: x.data.map(f), shape: x.shape });
const sum = (n: number, f: (i: number) => number) =>
  Array.from({ length: n }, (_, i) => f(i)).reduce((a, b) => a + b, 0);

function get({ data, shape }: Tensor, at: Index): number {
  return data[at.reduce((offset, i, axis) => offset * shape[axis]! + i, 0)]!;
}

function indices(shape: Index): Index[] {
  return shape.reduce<Index[]>(
    (all, size) => all.flatMap((at) => Array.from({ length: size }, (_, i) => [...at, i])),
    [[]],
  );
}

function fill(shape: Index, f: (at: Index) => number): Tensor {
  return { data: Float32Array.from(indices(shape), f), shape };
}
