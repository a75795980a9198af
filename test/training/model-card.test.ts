import { expect, test } from 'vitest';
import type { PictureSet } from '../../src/engine/training/data/picture-set.ts';
import { modelCard } from '../../src/engine/training/model-card.ts';

const SET: PictureSet = {
  records: [{ concept: 'cat', name: 'cat', style: 'flat', split: 'train' }],
  concepts: new Map([['cat', { id: 'cat', name: 'cat', keywords: [], synonyms: [], hyponyms: [], hypernyms: [] }]]),
  read: () => new Uint8Array(),
  digest: async () => '',
  close() {},
};
const history = (steps: number) => new Map([['prior', { steps, hours: 1, figures: { heldOut: 0.5 } }]] as const);

test('the header is what the Hub reads; a licence is named where the works are', () => {
  const own = modelCard(history(7), SET, { hasAttribution: false });
  expect(own).toMatch(
    /^---\nlibrary_name: diffusers\npipeline_tag: text-to-image\ntags: \[unclip, kandinsky\]\n---\n# /,
  );
  expect(own).toMatch(/\| prior, .* \| 7 \| 1\.0 \| heldOut 0\.500 \|/);
  expect(own).toContain('name it above, as `license: …`');
  const attributed = modelCard(history(7), SET, { hasAttribution: true });
  expect(attributed).toMatch(/\nlicense: other\nlicense_name: by-works\nlicense_link: ATTRIBUTION\.md\n---\n/);
});

test('it names the styles that there are', () => {
  const card = (set: PictureSet) => modelCard(history(7), set, { hasAttribution: false });
  expect(card(SET)).toContain('("red heart, flat style"): flat.\n');
  const plain = { ...SET, records: SET.records.map((record) => ({ ...record, style: '' })) };
  expect(card(plain)).not.toContain('Styles');
});

test('what somebody wrote into a card stays when the model is exported again', () => {
  const options = { hasAttribution: false };
  const card = modelCard(history(7), SET, options);
  const edited = card
    .replace('tags:', 'license: cc0-1.0\ntags:')
    .replace(/Not measured yet.*/, '| prompt_top1 | 63 % |');
  const again = modelCard(history(8), SET, { ...options, before: edited });
  expect(again).toBe(edited.replace('| 7 |', '| 8 |'));
  const foreign = modelCard(history(8), SET, { ...options, before: '# My emoji\n' });
  expect(foreign).toMatch(/\| 8 \|.*stays\. -->\n\n# My emoji\n$/s);
});
