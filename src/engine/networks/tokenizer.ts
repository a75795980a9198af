export interface Encoding {
  /** Start token, text, end token, padded to `maxLength`. */
  readonly ids: readonly number[];
  /** 1 for tokens, 0 for padding. */
  readonly attentionMask: readonly number[];
  /** The end of the text, where it was too long; undefined where all of it fits. */
  readonly overflow: string | undefined;
}

/** CLIP's byte-pair encoding. */
export interface Tokenizer {
  /** Length of every encoding. */
  readonly maxLength: number;
  encode(text: string): Encoding;
}

/**
 * Opens a tokenizer folder: `tokenizer.json`, or the `vocab.json` and `merges.txt` that it can be built from.
 * @throws InputError for a missing or damaged file
 */
export declare function loadTokenizer(folder: string): Promise<Tokenizer>;
