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

const ATTRIBUTED = `The works that it has learned from, their authors and licences stand in ATTRIBUTION.md, which must go with the weights; the
pictures were resized, composed and used to train.`;
const UNKNOWN = `Under which licence the weights may be passed on depends on whose these pictures are: name it above, as \`license: …\`.`;

export interface CardOptions {
  /** Whether the works that it has learned from stand in ATTRIBUTION.md. */
  readonly hasAttribution: boolean;
  /** The card that this one takes the place of: its header, and what somebody has written below the mark, stay. */
  readonly before?: string | undefined;
}

/** The Hub's metadata, https://huggingface.co/docs/hub/model-cards; whose data it was must say under which licence. */
const header = (hasAttribution: boolean) => `---
library_name: diffusers
pipeline_tag: text-to-image
tags: [unclip, kandinsky]
${hasAttribution ? 'license: other\nlicense_name: by-works\nlicense_link: ATTRIBUTION.md\n' : ''}---
`;
const HEADER = /^---\r?\n.*?\n---\r?\n/s;

const MARK = '<!-- Down to here it is written anew by every export. What follows is yours and stays. -->\n';
const OWN = `
## Report
Not measured yet: the table that \`npm run train -- report\` prints belongs here.
`;

/** What of a card is not written anew; all of one without the mark. */
function ownText(before: string): string {
  const at = before.indexOf(MARK);
  return at < 0 ? `\n${before.replace(HEADER, '')}` : before.slice(at + MARK.length);
}

/** README.md of a trained model: what it is, what it was trained on, for how long, how good it is, what it can't do. */
export function modelCard(history: History, dataset: PictureSet, { hasAttribution, before }: CardOptions): string {
  const rows = [...history].map(([part, { steps, hours, figures }]) => {
    const shown = Object.entries(figures).map(([name, figure]) => `${name} ${figure.toFixed(3)}`);
    return `| ${TITLES[part]} | ${steps} | ${hours.toFixed(1)} | ${shown.join(', ')} |`;
  });
  const plain = plainSet(dataset);
  const trained = plain.records.filter(({ split }) => split === 'train').length;
  const composed = dataset.records.length - plain.records.length;
  const styles = [...new Set(plain.records.map(({ style }) => style))].filter((style) => style !== '');
  const asked = `Styles, as a prompt may ask for them ("red heart, ${styles[0]} style"): ${styles.join(', ')}.\n\n`;
  return `${before?.match(HEADER)?.[0] ?? header(hasAttribution)}# A small unCLIP
Kandinsky 2.2 layout (\`KandinskyV22CombinedPipeline\`): opens in Python diffusers and here. Draws 128 × 128 RGBA: colour as
composed on white, alpha beside it. Trained by \`npm run train\`.

| Part | Steps | Hours | Last figures, on pictures that were held out unless they are called train… |
|---|---|---|---|
${rows.join('\n')}

Data: ${trained} pictures of ${plain.concepts.size} concepts with captions${composed > 0 ? `, and ${composed} composed of them` : ''}; ${plain.records.length - trained} more were held out.
${hasAttribution ? ATTRIBUTED : UNKNOWN}

${styles.length > 0 ? asked : ''}It draws what it was trained on and little else: no photographs, scenes or written words. It knows the language of its captions.

${MARK}${before === undefined ? OWN : ownText(before)}`;
}
