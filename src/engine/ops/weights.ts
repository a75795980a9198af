import { basename } from 'node:path';
import { InputError } from '../../errors.ts';
import type { Component } from '../weights/component.ts';
import { shortPath, type TensorEntry } from '../weights/safetensors.ts';
import type { Weights } from './ops.ts';

/** A parameter that the config asks for is missing in the weights, or has another shape there. */
export class WeightMismatchError extends InputError {
  override name = 'WeightMismatchError';
}

/**
 * The parameters of a component, by name.
 * @param load  makes a backend's value of an entry whose shape was checked; called once for each entry
 * @param tap   is shown the outputs of modules by name, such as `down_blocks.0.resnets.1`
 */
export function componentWeights<T>(
  component: Component<unknown>,
  load: (entry: TensorEntry) => T,
  tap?: (module: string, output: T) => void,
): Weights<T> {
  const loaded = new Map<string, T>();
  const below = (prefix: string): Weights<T> => ({
    at: (name) => below(`${prefix}${name}.`),
    has: (name) => component.tensors.has(prefix + name),
    get(name, shape) {
      const entry = tensorEntry(component, prefix + name, shape);
      const value = loaded.get(entry.name) ?? load(entry);
      loaded.set(entry.name, value);
      return value;
    },
    tap(output) {
      tap?.(prefix.slice(0, -1), output);
      return output;
    },
  });
  return below('');
}

/** Names that were asked for, of the tensors of each component. */
const asked = new WeakMap<Component<unknown>['tensors'], Set<string>>();

const HALF_OR_SINGLE = ['F32', 'F16', 'BF16'];

/**
 * Where a parameter of a component lies.
 * @throws WeightMismatchError when it is missing, has another shape or isn't half or single precision
 */
export function tensorEntry({ name, tensors }: Component<unknown>, key: string, shape: readonly number[]): TensorEntry {
  const refuse = (expected: string, found: string) =>
    new WeightMismatchError(`${name}/${key}: expected ${expected}, found ${found}`);
  const names = asked.get(tensors) ?? new Set();
  asked.set(tensors, names.add(key));
  const entry = tensors.get(key);
  if (!entry) throw refuse(`(${shape.join(', ')})`, `nothing of that name in ${weightFiles(tensors)}`);
  if (entry.shape.join() !== shape.join()) {
    throw refuse(`(${shape.join(', ')})`, `(${entry.shape.join(', ')}) in ${shortPath(entry.path)}`);
  }
  if (!HALF_OR_SINGLE.includes(entry.dtype)) {
    throw refuse(HALF_OR_SINGLE.join(' or '), `${entry.dtype} in ${shortPath(entry.path)}`);
  }
  return entry;
}

/**
 * A config that describes a smaller network than the weights are of would give pictures, but wrong ones.
 * @throws WeightMismatchError where the files hold weights that nothing has asked for so far
 */
export function expectAllRead({ name, tensors }: Component<unknown>): void {
  for (const { name: key, dtype, shape, path } of tensors.values()) {
    // Older files count positions: whole numbers, some saved as floats.
    if (asked.get(tensors)?.has(key) || !HALF_OR_SINGLE.includes(dtype) || key.endsWith('.position_ids')) continue;
    throw new WeightMismatchError(
      `${name}/${key}: expected no such weight by ${name}/config.json, found (${shape.join(', ')}) in ${shortPath(path)}`,
    );
  }
}

function weightFiles(tensors: ReadonlyMap<string, TensorEntry>): string {
  const paths = new Set([...tensors.values()].map(({ path }) => path));
  return [...paths].map((path) => basename(path)).join(', ');
}
