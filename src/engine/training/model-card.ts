import type { History } from './history.ts';
import { markOf, splitAtMark } from './own-text.ts';
import type { TrainedOn } from './trained-on.ts';

/** In a model folder. */
export const CARD = 'README.md';

const TITLES = {
  movq: 'MoVQ, pictures ↔ latents',
  teacher: 'teacher of CLIP’s encoder of pictures, no part of the model',
  clip: 'CLIP, text and pictures',
  distil: 'words of a sentence model (all-MiniLM-L6-v2, Apache-2.0) in its text encoder',
  vision: 'CLIP’s encoder of pictures, trained again',
  decoder: 'decoder, embedding → latents',
  prior: 'prior, text → embedding',
  'ar-prior': 'autoregressive prior, text → embedding',
  upsampler: 'upsampler, pictures → 4 times as large',
  'fine-tune': 'fine-tuned decoder, by what CLIP sees in its pictures',
};

const ATTRIBUTED = `The works that it has learned from, their authors and licences stand in ATTRIBUTION.md, which must go with the weights; the
pictures were resized, composed and used to train.`;
const LICENCE = `Under which licence the weights may be passed on depends on whose these pictures are: name it above, as \`license: …\`.`;

/** The Hub's metadata, https://huggingface.co/docs/hub/model-cards; whose data it was must say under which licence. */
const header = (isAttributed: boolean) => `---
library_name: diffusers
pipeline_tag: text-to-image
tags: [unclip, kandinsky]
${isAttributed ? 'license: other\nlicense_name: by-works\nlicense_link: ATTRIBUTION.md\n' : ''}---
`;
const HEADER = /^---\r?\n.*?\n---\r?\n/s;

const MARK = markOf('export');
/** The last that is written: what was measured of these weights, and of no others. */
const REPORT = '## Report\n';
const NOT_MEASURED = 'Not measured yet: `npm run train -- report --card` with this model writes its figures here.\n';

/** What of a card is written anew, and what isn't: of one without the mark all but its header. */
const split = (card: string) =>
  splitAtMark(card, MARK) ?? { written: card.match(HEADER)?.[0] ?? '', own: `\n${card.replace(HEADER, '')}` };

/** A card with another report. What stands below the mark stays, and all of a card without one. */
export function withReport(card: string, report: string): string {
  const { written, own } = split(card);
  const at = written.lastIndexOf(REPORT);
  return `${at < 0 ? written : written.slice(0, at)}${REPORT}${report}\n${MARK}\n${own}`;
}

export const describeSet = ({ set }: Pick<TrainedOn, 'set'>): string => {
  if (!set) return 'pictures that are not known: the model that it began from does not say';
  const { pictures, concepts, composed, heldOut } = set;
  const more = composed > 0 ? `, and ${composed} composed of them` : '';
  return `${pictures} pictures of ${concepts} concepts with captions${more}; ${heldOut} more were held out`;
};

/** Those of which it can draw things, the last one last. */
const drawn = (dataSets: readonly TrainedOn[]) => dataSets.filter(({ learnedBy }) => !learnedBy);

function describeData(dataSets: readonly TrainedOn[]): string {
  const sets = drawn(dataSets);
  const extra = dataSets.filter(({ learnedBy }) => learnedBy);
  const alone = extra.map((it) => `CLIP's encoder of pictures alone has learned from ${describeSet(it)}.`);
  if (sets.length === 1) return [`Data: ${describeSet(sets[0]!)}.`, ...alone].join('\n');
  const lines = sets.map((it, i) => {
    const whose = i === sets.length - 1 ? 'since then' : 'before, by the model that it began from';
    return `- ${whose}: ${describeSet(it)}.`;
  });
  return ['Data, to all of which the steps and hours above belong:', '', ...lines, '', ...alone].join('\n').trimEnd();
}

/** Whose the pictures are as far as it is known, and what is to be added where it isn't. */
function describeWorks(dataSets: readonly TrainedOn[], isLicensed: boolean): string {
  const unknown = dataSets.filter(({ attributed }) => !attributed);
  const sets = drawn(dataSets);
  const own = sets.length === 1 ? 'the data set' : 'its own data set';
  const ofUnknown = new Set(drawn(unknown).map((it) => (it === sets.at(-1) ? own : 'the model that it began from')));
  const missing =
    `Nothing says yet whose the pictures of ${[...ofUnknown].join(' and of ')} are, and under which licence: write it into\n` +
    "ATTRIBUTION.md in the data set's folder, and export again.";
  const missingExtra =
    "Nothing says yet whose the pictures are that CLIP's encoder of pictures alone has learned from: write it into ATTRIBUTION.md in that\n" +
    'folder, and train with it once more.';
  const isAnyKnown = unknown.length < dataSets.length;
  return [
    isAnyKnown && ATTRIBUTED,
    ofUnknown.size > 0 && missing,
    drawn(unknown).length < unknown.length && missingExtra,
    !isLicensed && LICENCE,
  ]
    .filter((text) => text !== false)
    .join('\n');
}

/**
 * README.md of a trained model: what it is, what it was trained on, for how long, what it can't do; how good it is says
 * `withReport`.
 * @param dataSets  what it was trained on, the last set last
 * @param before    the card that this one takes the place of: its header, and what somebody has written below the mark, stay
 */
export function modelCard(history: History, dataSets: readonly TrainedOn[], before?: string): string {
  const rows = [...history].map(([part, { steps, hours, figures }]) => {
    const shown = Object.entries(figures).map(([name, figure]) => `${name} ${figure.toFixed(3)}`);
    return `| ${TITLES[part]} | ${steps} | ${hours.toFixed(1)} | ${shown.join(', ')} |`;
  });
  const styles = [...new Set(drawn(dataSets).flatMap(({ set }) => set?.styles ?? []))];
  const asked = `Styles, as a prompt may ask for them ("red heart, ${styles[0]} style"): ${styles.join(', ')}.\n\n`;
  const head = before?.match(HEADER)?.[0] ?? header(dataSets.every(({ attributed }) => attributed));
  return `${head}# A small unCLIP
Kandinsky 2.2 layout (\`KandinskyV22CombinedPipeline\`): opens in Python diffusers and here. Draws 128 × 128 RGBA: colour as
composed on white, alpha beside it. Trained by \`npm run train\`.

| Part | Steps | Hours | Last figures (heldOut…: of pictures that were held out, train…: of training ones, hyponymTop1: of words that no caption holds) |
|---|---|---|---|
${rows.join('\n')}

${describeData(dataSets)}
${drawn(dataSets).length > 1 ? '\n' : ''}${describeWorks(dataSets, /^license:/m.test(head))}

${styles.length > 0 ? asked : ''}It draws what it was trained on and little else: no photographs, scenes or written words. It knows the language of its captions.

${REPORT}${NOT_MEASURED}
${MARK}
${before === undefined ? '' : split(before).own}`;
}
