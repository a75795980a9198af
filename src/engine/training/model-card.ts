import { plainSet } from './data/compose/composed-set.ts';
import type { PictureSet } from './data/picture-set.ts';
import type { History } from './history.ts';

const TITLES = {
  movq: 'MoVQ, pictures ↔ latents',
  teacher: 'Teacher of CLIP’s image encoder, no part of the model',
  clip: 'CLIP, text and pictures',
  distil: 'words of a sentence model (all-MiniLM-L6-v2, Apache-2.0) in its text encoder',
  decoder: 'decoder, embedding → latents',
  prior: 'prior, text → embedding',
  'ar-prior': 'autoregressive prior, text → embedding',
  upsampler: 'upsampler, pictures → 4 times as large',
  'fine-tune': 'fine-tuned decoder, by what CLIP sees in its pictures',
};

/** README.md of a trained model: what it is, what it was trained on, for how long, how good it is, what it can't do. */
export function modelCard(history: History, dataset: PictureSet): string {
  const rows = [...history].map(([part, { steps, hours, figures }]) => {
    const shown = Object.entries(figures).map(([name, figure]) => `${name} ${figure.toFixed(3)}`);
    return `| ${TITLES[part]} | ${steps} | ${hours.toFixed(1)} | ${shown.join(', ')} |`;
  });
  const plain = plainSet(dataset);
  const trained = plain.records.filter(({ split }) => split === 'train').length;
  const composed = dataset.records.length - plain.records.length;
  return `# A small unCLIP
Kandinsky 2.2 layout (\`KandinskyV22CombinedPipeline\`): opens in Python diffusers and here. Draws 128 × 128 RGBA: colour as
composed on white, alpha beside it. Trained by \`npm run train\`.

| Part | Steps | Hours | Last figures, on pictures that were held out unless they are called train… |
|---|---|---|---|
${rows.join('\n')}

Data: ${trained} pictures of ${plain.concepts.size} concepts with captions${composed > 0 ? `, and ${composed} composed of them` : ''}; ${plain.records.length - trained} more were held out.
The works that it has learned from, their authors and licences stand in ATTRIBUTION.md where there is one, which must go with
the weights; the pictures were resized, composed and used to train.

It draws what it was trained on and little else: no photographs, scenes or written words. It knows the language of its captions.
`;
}
