import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as tfjs from '@tensorflow/tfjs-core';
import { InputError } from '../../../errors.ts';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';
import type { PackageSpec } from './packages.ts';

// TensorFlow.js on WebGPU, which Dawn, the implementation in Chrome, brings to Node: Vulkan, Metal or Direct3D 12 below.

/** The umbrella package, because tfjs-core alone registers no gradients. */
const TFJS = '@tensorflow/tfjs';
const BACKEND = '@tensorflow/tfjs-backend-webgpu';
/** Of TensorFlow.js, on every device. */
export const TFJS_VERSION = '4.22.0';
export const WEBGPU_PACKAGES: readonly PackageSpec[] = [
  { package: TFJS, version: TFJS_VERSION },
  { package: BACKEND, version: TFJS_VERSION },
  { package: 'webgpu', version: '0.6.2' },
];

/** No GPU that WebGPU could use. */
export class NoAdapterError extends InputError {
  override name = 'NoAdapterError';
}

/** WebGPU's name of a GPU. */
interface Adapter {
  /** As its driver calls it. */
  readonly name: string;
  /** A program on the CPU that stands in for a GPU: lavapipe, SwiftShader, WARP. */
  readonly isSoftware: boolean;
}

export interface WebGpu {
  readonly tf: TensorFlow;
  readonly adapter: Adapter;
}

/** What is used of Dawn. */
interface Gpu {
  requestAdapter(options: { powerPreference: 'high-performance' }): Promise<{
    readonly info: { readonly description: string; readonly device: string; readonly isFallbackAdapter: boolean };
  } | null>;
}
interface Dawn {
  create(options: readonly string[]): Gpu;
  /** GPUBufferUsage and others, which TensorFlow.js takes from the browser. */
  readonly globals: object;
}

/** Kept until the process ends: Dawn aborts when it is collected while its devices are in use. */
let opened: Gpu | undefined;

/**
 * TensorFlow.js on the fastest GPU, from the packages in a folder.
 * @throws NoAdapterError when WebGPU finds none
 */
export async function openWebGpu(dir: string): Promise<WebGpu> {
  const entry = pathToFileURL(join(dir, 'node_modules', 'webgpu', 'index.js')).href;
  const { create, globals }: Dawn = await import(entry);
  Object.assign(globalThis, globals);
  opened ??= create([]);
  const adapter = await opened.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new NoAdapterError('WebGPU finds no GPU on this machine');
  const { description, device, isFallbackAdapter } = adapter.info;
  const tf = await withNavigator(opened, () => openBackend(createRequire(join(dir, 'package.json'))));
  return { tf, adapter: { name: description || device, isSoftware: isFallbackAdapter } };
}

async function openBackend(require: NodeJS.Require): Promise<TensorFlow> {
  const tf: TensorFlow = require(TFJS);
  require(BACKEND);
  tf.enableProdMode(); // without its advice to install the native backend
  // small tensors too are computed by the GPU's own kernels, so that there is one way to compute
  tf.env().set('WEBGPU_CPU_FORWARD', false);
  await tf.setBackend('webgpu');
  return tf;
}

/** While it opens, TensorFlow.js looks for WebGPU where browsers have it. */
async function withNavigator<R>(gpu: Gpu, open: () => Promise<R>): Promise<R> {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
  try {
    return await open();
  } finally {
    if (before) Object.defineProperty(globalThis, 'navigator', before);
    else Reflect.deleteProperty(globalThis, 'navigator');
  }
}

/**
 * Computes gradients of a convolution and compares them with those computed by hand: drivers differ.
 * @throws InputError when they are others
 */
export async function tryGradients(tf: TensorFlow): Promise<void> {
  const image = tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1]);
  const kernel = tf.tensor4d([1, 0, 0, -1], [2, 2, 1, 1]);
  // every output is x − (x + 4) = −4, so its square's gradient is −8
  const loss = (x: tfjs.Tensor, w: tfjs.Tensor) =>
    tf.sum(tf.square(tf.conv2d(x as tfjs.Tensor4D, w as tfjs.Tensor4D, 1, 'valid')));
  const gradients = tf.grads(loss)([image, kernel]);
  const expected = [
    [-8, -8, 0, -8, 0, 8, 0, 8, 8],
    [-96, -128, -192, -224],
  ];
  for (const [i, gradient] of gradients.entries()) {
    const found = await gradient.data();
    if (expected[i]!.every((value, j) => Math.abs(value - found[j]!) < 1e-2)) continue;
    throw new InputError(
      `this GPU computes wrong gradients through WebGPU: of a convolution [${[...found].join(', ')}], ` +
        `expected [${expected[i]!.join(', ')}]. A newer driver may help; --device cpu trains on the CPU`,
    );
  }
  tf.dispose([image, kernel, ...gradients]);
}

/**
 * What to do where WebGPU finds no GPU.
 * @param missing libraries of Vulkan that the linker does not find
 */
export function explainNoAdapter(platform: NodeJS.Platform, missing: readonly string[]): string {
  if (platform === 'darwin') return 'it needs one that Metal knows';
  if (platform === 'win32') return 'it needs one with a driver for Direct3D 12';
  if (missing.length > 0)
    return `it needs Vulkan, and the linker does not find ${missing.join(', ')}. ${INSTALL_VULKAN}`;
  return (
    'Vulkan is there and knows no GPU either: vulkaninfo --summary must list one. Its driver may be missing, or this user ' +
    `may not open /dev/dri/renderD128 (group render). ${INSTALL_VULKAN}`
  );
}

const INSTALL_VULKAN =
  'Debian, Ubuntu: apt-get install libvulkan1 mesa-vulkan-drivers (AMD, Intel), or the driver of NVIDIA; ' +
  'Fedora: dnf install vulkan-loader mesa-vulkan-drivers';
