import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { plainSet } from './data/compose/composed-set.ts';
import type { PictureSet } from './data/picture-set.ts';
import { EXTRAS, PARTS } from './parts.ts';

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

interface Entry {
  readonly step?: number;
  readonly loss?: number;
  readonly rate?: number;
  readonly evaluation?: Readonly<Record<string, number>>;
}

/**
 * README.md of a trained model: what it is, what it was trained on, for how long, how good it is, what it can't do.
 * @param decoder the run that its decoder is taken from
 */
export async function modelCard(runs: string, decoder: string, dataset: PictureSet): Promise<string> {
  const extras = EXTRAS.filter(
    (part) => existsSync(join(runs, part, 'log.jsonl')) && (part !== 'fine-tune' || part === decoder),
  );
  const rows = await Promise.all(
    [...PARTS, ...extras].map(async (part) => `| ${TITLES[part]} | ${await partRow(join(runs, part, 'log.jsonl'))} |`),
  );
  const plain = plainSet(dataset);
  const trained = plain.records.filter(({ split }) => split === 'train').length;
  const composed = dataset.records.length - plain.records.length;
  return `# A small unCLIP
Kandinsky 2.2 layout (\`KandinskyV22CombinedPipeline\`): opens in Python diffusers and here. Draws 128 × 128 RGBA: colour as
composed on white, alpha beside it. Trained by \`npm run train\`.

| Part | Steps | Hours | Last figures on held-out pictures |
|---|---|---|---|
${rows.join('\n')}

Data: ${trained} pictures of ${plain.concepts.size} concepts with captions${composed > 0 ? `, and ${composed} composed of them` : ''}; ${plain.records.length - trained} more were held out.
The works that it has learned from, their authors and licences stand in ATTRIBUTION.md where there is one, which must go with
the weights; the pictures were resized, composed and used to train.

It draws what it was trained on and little else: no photographs, scenes or written words. It knows the language of its captions.
`;
}

async function partRow(path: string): Promise<string> {
  const entries: Entry[] = existsSync(path)
    ? (await readFile(path, 'utf8'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    : [];
  const times = entries.map((entry) => (entry as { time: number }).time);
  // a pause of more than a quarter of an hour lies between two runs
  const hours =
    times.slice(1).reduce((sum, time, i) => sum + (time - times[i]! < 900_000 ? time - times[i]! : 0), 0) / 3_600_000;
  const step = entries.findLast((entry) => entry.step !== undefined)?.step ?? 0;
  const figures = Object.entries(entries.findLast((entry) => entry.evaluation)?.evaluation ?? {});
  return `${step} | ${hours.toFixed(1)} | ${figures.map(([name, figure]) => `${name} ${figure.toFixed(3)}`).join(', ')}`;
}
