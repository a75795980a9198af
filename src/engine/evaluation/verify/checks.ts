import type { Check } from './check.ts';
import { kandinsky } from './kandinsky.ts';
import { karlo } from './karlo.ts';
import { networks } from './networks.ts';
import { preprocess } from './preprocess.ts';
import { random } from './random.ts';
import { schedulers } from './schedulers.ts';
import { tokenizer } from './tokenizer.ts';

/** Every kind of folder that can be checked. */
export const CHECKS: readonly Check[] = [random, tokenizer, preprocess, schedulers, networks, karlo, kandinsky];
