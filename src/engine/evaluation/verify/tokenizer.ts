import { z } from 'zod';
import { loadTokenizer } from '../../networks/tokenizer.ts';
import { tensor } from '../../tensor.ts';
import type { Check } from './check.ts';

const ids = z.array(z.int());
const Cases = z.object({
  cases: z.array(z.object({ text: z.string(), input_ids: ids, padded: ids, attention_mask: ids })),
});

/** CLIP's byte-pair encoding of some texts, id by id. */
export const tokenizer: Check = {
  name: 'tokenizer',

  recognises: (folder) => folder.hasCasesWith('text', 'input_ids', 'padded'),

  async run(folder, comparison) {
    const { cases } = await folder.parse('case.json', Cases);
    const loaded = await loadTokenizer(folder.path);
    for (const [i, { text, input_ids, padded, attention_mask }] of cases.entries()) {
      const encoding = loaded.encode(text);
      const compare = (name: string, actual: readonly number[], expected: readonly number[]) =>
        comparison.compare(`${i}.${name}`, vector(actual), { max: 0 }, vector(expected));
      compare('input_ids', loaded.tokenize(text), input_ids);
      compare('padded', encoding.ids, padded);
      compare('attention_mask', encoding.attentionMask, attention_mask);
    }
  },
};

const vector = (values: readonly number[]) => tensor(Float32Array.from(values), [values.length]);
