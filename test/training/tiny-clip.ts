import { ClipTextConfig } from '../../src/engine/networks/clip-text.ts';
import { ClipVisionConfig } from '../../src/engine/networks/clip-vision.ts';
import type { Tokenizer } from '../../src/engine/networks/tokenizer.ts';

export const TINY_WIDTH = 16;
export const LETTERS = 'abcdefghijklmnopqrstuvwxyz ,';
const [LENGTH, END] = [32, LETTERS.length];

/** A token a letter. */
export const spellingTokenizer = {
  encode: (text: string) => ({
    ids: [...[...text].slice(0, LENGTH - 1).map((letter) => LETTERS.indexOf(letter)), ...Array(LENGTH).fill(END)].slice(
      0,
      LENGTH,
    ),
  }),
} as unknown as Tokenizer;

const size = { hidden_size: TINY_WIDTH, intermediate_size: 32, projection_dim: TINY_WIDTH, num_hidden_layers: 1 };
export const TINY_CLIP = {
  text: ClipTextConfig.parse({
    ...size,
    ...{ vocab_size: END + 1, num_attention_heads: 2, max_position_embeddings: LENGTH, eos_token_id: END },
  }),
  vision: ClipVisionConfig.parse({ ...size, num_attention_heads: 2, image_size: 16, patch_size: 4 }),
};
