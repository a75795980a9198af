import { z } from 'zod';
import type { Activation } from '../ops/ops.ts';

/** Activation names of diffusers (`get_activation`) and transformers (`ACT2FN`), as one of ours. */
const ACTIVATION_NAMES = {
  silu: 'silu',
  swish: 'silu',
  mish: 'mish',
  gelu: 'gelu',
  gelu_python: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_fast: 'gelu_tanh',
  gelu_accurate: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
  quick_gelu: 'quick_gelu',
  relu: 'relu',
  sigmoid: 'sigmoid',
  tanh: 'tanh',
} as const satisfies Record<string, Activation>;

const named = (...names: (keyof typeof ACTIVATION_NAMES)[]) =>
  z.enum(names).transform((name): Activation => ACTIVATION_NAMES[name]);

/** `act_fn` of a diffusers class; its `gelu` is exact. */
export const diffusersActivation = () => named('silu', 'swish', 'mish', 'gelu', 'relu');

/** `hidden_act` of a transformers class. */
export const transformersActivation = () =>
  named(...(Object.keys(ACTIVATION_NAMES) as (keyof typeof ACTIVATION_NAMES)[]));
