import { ACTIVATIONS, type Ops } from '../../src/engine/ops/ops.ts';
import { type Tensor, tensor } from '../../src/engine/tensor.ts';

/**
 * What a backend may not know while it records: image and tokens have B, H, W or N open, vectors B;
 * parameters are known whole; ids are whole numbers, B and N open.
 */
export type Layout = 'image' | 'tokens' | 'vector' | 'scores' | 'ids' | 'parameter';

export interface Input {
  readonly layout: Layout;
  readonly value: Tensor;
}

export interface Case {
  readonly name: string;
  readonly inputs: readonly Input[];
  readonly compute: <T>(ops: Ops<T>, inputs: T[]) => T[];
  /** Of outputs with four axes, image unless said otherwise. */
  readonly output?: 'scores';
}

let state = 1;

const image = (...shape: number[]): Input => ({ layout: 'image', value: random(shape) });
const tokens = (...shape: number[]): Input => ({ layout: 'tokens', value: random(shape) });
const vector = (...shape: number[]): Input => ({ layout: 'vector', value: random(shape) });
const scores = (...shape: number[]): Input => ({ layout: 'scores', value: random(shape) });
const parameter = (...shape: number[]): Input => ({ layout: 'parameter', value: random(shape) });
const ids = (values: number[], ...shape: number[]): Input => ({
  layout: 'ids',
  value: tensor(Float32Array.from(values), shape),
});

const one = (name: string, inputs: Input[], f: <T>(ops: Ops<T>, x: T[]) => T): Case => ({
  name,
  inputs,
  compute: (ops, x) => [f(ops, x)],
});

/** Every operation, with the shapes and options that networks use. */
export const CASES: readonly Case[] = [
  one('linear of vectors', [vector(2, 3), parameter(4, 3), parameter(4)], (ops, [x, w, b]) => ops.linear(x!, w!, b)),
  one('linear of vectors without bias', [vector(2, 3), parameter(4, 3)], (ops, [x, w]) => ops.linear(x!, w!)),
  one('linear of tokens', [tokens(2, 5, 3), parameter(4, 3), parameter(4)], (ops, [x, w, b]) => ops.linear(x!, w!, b)),
  one('linear of tokens without bias', [tokens(2, 5, 3), parameter(4, 3)], (ops, [x, w]) => ops.linear(x!, w!)),

  one('conv2d 3×3', [image(2, 3, 5, 4), parameter(4, 3, 3, 3), parameter(4)], (ops, [x, w, b]) =>
    ops.conv2d(x!, w!, b, { padding: 1 }),
  ),
  one('conv2d 1×1', [image(2, 3, 5, 4), parameter(4, 3, 1, 1), parameter(4)], (ops, [x, w, b]) =>
    ops.conv2d(x!, w!, b, {}),
  ),
  one('conv2d in patches, without bias', [image(2, 3, 6, 4), parameter(5, 3, 2, 2)], (ops, [x, w]) =>
    ops.conv2d(x!, w!, undefined, { stride: 2 }),
  ),
  one('conv2d padded on two sides', [image(2, 3, 6, 5), parameter(4, 3, 3, 3), parameter(4)], (ops, [x, w, b]) =>
    ops.conv2d(x!, w!, b, { stride: 2, padding: [0, 0, 1, 1] }),
  ),
  one('conv2d padded differently everywhere', [image(1, 2, 4, 4), parameter(3, 2, 3, 3)], (ops, [x, w]) =>
    ops.conv2d(x!, w!, undefined, { padding: [2, 0, 1, 3] }),
  ),

  one('groupNorm', [image(2, 6, 3, 4), parameter(6), parameter(6)], (ops, [x, w, b]) =>
    ops.groupNorm(x!, w!, b!, { groups: 3, eps: 1e-5 }),
  ),
  one('groupNorm, a large eps, one group', [image(2, 4, 2, 2), parameter(4), parameter(4)], (ops, [x, w, b]) =>
    ops.groupNorm(x!, w!, b!, { groups: 1, eps: 0.5 }),
  ),
  one('layerNorm of tokens', [tokens(2, 3, 5), parameter(5), parameter(5)], (ops, [x, w, b]) =>
    ops.layerNorm(x!, w!, b!, { eps: 1e-5 }),
  ),
  one('layerNorm of vectors, a large eps', [vector(2, 5), parameter(5), parameter(5)], (ops, [x, w, b]) =>
    ops.layerNorm(x!, w!, b!, { eps: 0.5 }),
  ),
  one('embedding', [ids([0, 4, 2, 2, 1, 0], 2, 3), parameter(5, 3)], (ops, [x, table]) => ops.embedding(x!, table!)),

  one('add an image', [image(2, 3, 2, 4), image(2, 3, 2, 4)], (ops, [a, b]) => ops.add(a!, b!)),
  one('add a token to all', [tokens(2, 3, 4), parameter(1, 3, 4)], (ops, [a, b]) => ops.add(a!, b!)),
  one('sub', [tokens(2, 3, 4), tokens(2, 3, 4)], (ops, [a, b]) => ops.sub(a!, b!)),
  one('mul, both repeated', [vector(3, 1), parameter(1, 4)], (ops, [a, b]) => ops.mul(a!, b!)),
  one('mul an image by channels', [image(2, 3, 2, 4), vector(2, 3)], (ops, [a, b]) => ops.mul(a!, ops.perChannel(b!))),
  one('affine', [vector(2, 3)], (ops, [x]) => ops.affine(x!, -2.5, 0.75)),
  one('affine, factor only', [vector(2, 3)], (ops, [x]) => ops.affine(x!, 3, 0)),
  one('affine, offset only', [vector(2, 3)], (ops, [x]) => ops.affine(x!, 1, -4)),
  ...ACTIVATIONS.map((kind) =>
    one(`activation ${kind}`, [tokens(2, 4, 9)], (ops, [x]) => ops.activation(ops.affine(x!, 2, 0), kind)),
  ),
  one('sin', [vector(2, 3)], (ops, [x]) => ops.sin(ops.affine(x!, 100, 0))),
  one('cos', [vector(2, 3)], (ops, [x]) => ops.cos(ops.affine(x!, 100, 0))),
  one('constant', [vector(2, 3)], (ops, [x]) => ops.add(x!, ops.constant(Float32Array.of(1, -2, 3), [1, 3]))),

  one('concatChannels of images', [image(2, 3, 2, 4), image(2, 1, 2, 4)], (ops, x) => ops.concatChannels(x)),
  one('concatChannels of vectors', [vector(2, 3), vector(2, 2), vector(2, 1)], (ops, x) => ops.concatChannels(x)),
  one('concatTokens', [tokens(2, 3, 4), tokens(2, 2, 4)], (ops, x) => ops.concatTokens(x)),
  { name: 'splitChannels of images', inputs: [image(2, 6, 2, 3)], compute: (ops, [x]) => ops.splitChannels(x!, 3) },
  { name: 'splitChannels of vectors', inputs: [vector(2, 6)], compute: (ops, [x]) => ops.splitChannels(x!, 2) },
  one('tokensFromImage', [image(2, 3, 2, 4)], (ops, [x]) => ops.tokensFromImage(x!)),
  one('imageFromTokens', [tokens(2, 8, 3), image(2, 5, 2, 4)], (ops, [x, like]) => ops.imageFromTokens(x!, like!)),
  one('tokensFromVector', [vector(2, 12)], (ops, [x]) => ops.tokensFromVector(x!, 3)),
  one('transposeTokens', [tokens(2, 3, 4)], (ops, [x]) => ops.transposeTokens(x!)),
  one('tokensFromParameter of one', [tokens(2, 3, 4), parameter(4)], (ops, [x, p]) =>
    ops.add(x!, ops.tokensFromParameter(p!)),
  ),
  one('tokensFromParameter of many', [tokens(2, 3, 4), parameter(3, 4)], (ops, [x, p]) =>
    ops.add(x!, ops.tokensFromParameter(p!)),
  ),
  one('perChannel', [vector(2, 3)], (ops, [x]) => ops.perChannel(x!)),
  { ...one('perKey', [vector(2, 3)], (ops, [x]) => ops.perKey(x!)), output: 'scores' },
  one('takeToken from the start', [tokens(2, 3, 4)], (ops, [x]) => ops.takeToken(x!, 1)),
  one('takeToken from the end', [tokens(2, 3, 4)], (ops, [x]) => ops.takeToken(x!, -1)),
  one('gatherToken', [tokens(3, 4, 2), ids([3, 0, 2], 3)], (ops, [x, positions]) => ops.gatherToken(x!, positions!)),
  one('sliceTokens', [tokens(2, 5, 3)], (ops, [x]) => ops.sliceTokens(x!, 1, 4)),
  one('repeatBatch', [parameter(1, 2, 3), tokens(3, 4, 3)], (ops, [x, like]) => ops.repeatBatch(x!, like!)),

  one('upsampleNearest2x', [image(2, 3, 2, 3)], (ops, [x]) => ops.upsampleNearest2x(x!)),
  one('averagePool2x', [image(2, 3, 4, 6)], (ops, [x]) => ops.averagePool2x(x!)),
  one('averagePool2x of odd sizes', [image(1, 2, 5, 3)], (ops, [x]) => ops.averagePool2x(x!)),
  one('resizeNearest to a multiple', [image(2, 3, 2, 3), image(2, 1, 8, 12)], (ops, [x, like]) =>
    ops.resizeNearest(x!, like!),
  ),
  one('resizeNearest to other sizes', [image(1, 2, 3, 5), image(1, 1, 7, 8)], (ops, [x, like]) =>
    ops.resizeNearest(x!, like!),
  ),

  one('attention', [tokens(2, 3, 6), tokens(2, 5, 6), tokens(2, 5, 6)], (ops, [q, k, v]) =>
    ops.attention(q!, k!, v!, { heads: 2 }),
  ),
  one('attention, one head', [tokens(2, 3, 4), tokens(2, 3, 4), tokens(2, 3, 4)], (ops, [q, k, v]) =>
    ops.attention(q!, k!, v!, { heads: 1 }),
  ),
  one('attention, causal', [tokens(2, 4, 6), tokens(2, 4, 6), tokens(2, 4, 6)], (ops, [q, k, v]) =>
    ops.attention(q!, k!, v!, { heads: 3, causal: true }),
  ),
  one(
    'attention, a bias for each row and key',
    [tokens(2, 3, 4), tokens(2, 5, 4), tokens(2, 5, 4), vector(2, 5)],
    (ops, [q, k, v, b]) => ops.attention(q!, k!, v!, { heads: 2, bias: ops.perKey(b!) }),
  ),
  one(
    'attention, a bias for the first keys',
    [tokens(2, 3, 4), tokens(2, 5, 4), tokens(2, 5, 4), vector(2, 2)],
    (ops, [q, k, v, b]) => ops.attention(q!, k!, v!, { heads: 2, bias: ops.perKey(b!) }),
  ),
  one(
    'attention, causal with a bias for the first keys',
    [tokens(2, 5, 4), tokens(2, 5, 4), tokens(2, 5, 4), vector(2, 3)],
    (ops, [q, k, v, b]) => ops.attention(q!, k!, v!, { heads: 2, bias: ops.perKey(b!), causal: true }),
  ),
  one(
    'attention, a bias for each head, token and key',
    [tokens(2, 3, 4), tokens(2, 5, 4), tokens(2, 5, 4), scores(1, 2, 3, 5)],
    (ops, [q, k, v, b]) => ops.attention(q!, k!, v!, { heads: 2, bias: b! }),
  ),
];

/** Numbers in (−2, 2), the same in every run (Park & Miller 1988). */
function random(shape: readonly number[]): Tensor {
  const next = () => {
    state = (state * 48271) % 2147483647;
    return (4 * state) / 2147483647 - 2;
  };
  return tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, next), shape);
}
