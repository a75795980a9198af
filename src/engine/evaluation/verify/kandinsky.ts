import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { StepReport } from '../../diffusion/sampler.ts';
import { decodePicture } from '../../images/decode-picture.ts';
import { weightedSum } from '../../pipeline/interpolation.ts';
import { type Kandinsky, openKandinsky } from '../../pipeline/kandinsky.ts';
import { sampleDecoder } from '../../pipeline/sample-decoder.ts';
import { samplePrior } from '../../pipeline/sample-prior.ts';
import { TorchGenerator } from '../../random/torch-generator.ts';
import { concatRows, rows, type Tensor, tensor } from '../../tensor.ts';
import type { Check, Comparison, Folder } from './check.ts';

/** What the reference pipelines were called with. */
const Case = z.object({
  prior: z.object({
    prompt: z.array(z.string()),
    negative_prompt: z.array(z.string()).nullish(),
    num_images_per_prompt: z.int().default(1),
    steps: z.int(),
    seed: z.int(),
    guidance: z.number(),
  }),
  interpolate: z.object({
    items: z.array(z.string()),
    weights: z.array(z.number()),
    steps: z.int(),
    seed: z.int(),
    guidance: z.number(),
  }),
  decoder: z.object({ height: z.int(), width: z.int(), steps: z.int(), seed: z.int(), guidance: z.number() }),
  each: z.object({ seeds: z.array(z.int()), steps: z.int(), guidance: z.number() }),
});
type Case = z.infer<typeof Case>;

const TOLERANCE = { max: 1e-3 };

/** A Kandinsky 2.2 prior folder and decoder folder, and every step that diffusers' pipelines took with them. */
export const kandinsky: Check = {
  name: 'kandinsky',
  recognises: async (folder) => Case.safeParse(await folder.json('case.json')).success,
  async run(folder, comparison) {
    const asked = Case.parse(await folder.json('case.json'));
    const model = await openKandinsky(folder.path);
    try {
      comparison.compare('zero_embeds', await model.zeroEmbedding(), TOLERANCE);
      await comparePrior(model, asked, comparison);
      await compareInterpolation(model, folder, asked, comparison);
      await compareDecoder(model, asked, comparison);
      await compareEach(model, asked, comparison);
    } finally {
      await model.close();
    }
  },
};

async function comparePrior(model: Kandinsky, { prior }: Case, comparison: Comparison) {
  const { negative_prompt: negative, num_images_per_prompt: repeats } = prior;
  const steps = new StepComparison(comparison, 'prior');
  const { image, negative: negativeImage } = await textToEmbedding(model, {
    ...prior,
    prompts: repeat(prior.prompt, repeats),
    negatives: negative ? repeat(negative, repeats) : undefined,
    generator: new TorchGenerator(prior.seed),
    onStep: steps.onStep,
  });
  steps.end();
  comparison.compare('prior.image_embeds', image, TOLERANCE);
  comparison.compare('prior.negative_image_embeds', negativeImage, TOLERANCE);
}

/** Kandinsky's mix of any number of texts and pictures: Σ wᵢ·zᵢ. */
async function compareInterpolation(model: Kandinsky, folder: Folder, { interpolate }: Case, comparison: Comparison) {
  const generator = new TorchGenerator(interpolate.seed);
  const embed = async (item: string) => {
    if (!folder.has(item)) return (await textToEmbedding(model, { ...interpolate, prompts: [item], generator })).image;
    return model.embedPicture(await decodePicture(await readFile(folder.file(item)), item));
  };
  const embeddings: Tensor[] = [];
  // One after the other: they share a generator.
  for (const item of interpolate.items) embeddings.push(await embed(item));
  comparison.compare('interpolate.image_embeds', weightedSum(embeddings, interpolate.weights), TOLERANCE);
  comparison.compare('interpolate.negative_image_embeds', await model.zeroEmbedding(), TOLERANCE);
}

async function compareDecoder(model: Kandinsky, { decoder }: Case, comparison: Comparison) {
  const steps = new StepComparison(comparison, 'decoder');
  const latents = await sampleDecoder(model, {
    imageEmbedding: comparison.input('prior.image_embeds'),
    negativeEmbedding: comparison.input('prior.negative_image_embeds'),
    ...decoder,
    scheduler: model.scheduler,
    guidanceScale: decoder.guidance,
    generator: new TorchGenerator(decoder.seed),
    onStep: steps.onStep,
  });
  steps.end();
  comparison.compare('image', await toImage(model, latents), TOLERANCE);
}

/** One generator an image. */
async function compareEach(model: Kandinsky, { each, decoder }: Case, comparison: Comparison) {
  const latents = each.seeds.map((seed, i) =>
    sampleDecoder(model, {
      imageEmbedding: rows(comparison.input('prior.image_embeds'), i, i + 1),
      negativeEmbedding: rows(comparison.input('prior.negative_image_embeds'), i, i + 1),
      height: decoder.height,
      width: decoder.width,
      steps: each.steps,
      scheduler: model.scheduler,
      guidanceScale: each.guidance,
      generator: new TorchGenerator(seed),
    }),
  );
  comparison.compare('each.image', await toImage(model, concatRows(await Promise.all(latents))), TOLERANCE);
}

interface TextRequest {
  readonly prompts: readonly string[];
  readonly negatives?: readonly string[];
  readonly steps: number;
  readonly guidance: number;
  readonly generator: TorchGenerator;
  readonly onStep?: (report: StepReport) => void;
}

/** As diffusers' prior pipeline: negative prompts get embeddings of their own, in rows after those of the prompts. */
async function textToEmbedding(model: Kandinsky, request: TextRequest): Promise<{ image: Tensor; negative: Tensor }> {
  const { prompts, negatives, steps, guidance: guidanceScale, generator, onStep } = request;
  const embeddings = await samplePrior(model, {
    text: await model.encodeTexts([...prompts, ...(negatives ?? [])]),
    unconditional: await model.encodeTexts([...(negatives ?? []), ...(negatives ?? prompts.map(() => ''))]),
    steps,
    guidanceScale,
    generator,
    onStep,
  });
  const image = rows(embeddings, 0, prompts.length);
  if (negatives) return { image, negative: rows(embeddings, prompts.length, 2 * prompts.length) };
  const zero = await model.zeroEmbedding();
  return { image, negative: concatRows(prompts.map(() => zero)) };
}

/** Latents → picture in [0, 1]. */
async function toImage(model: Kandinsky, latents: Tensor): Promise<Tensor> {
  const { data, shape } = await model.movq.decode(latents);
  return tensor(
    data.map((value) => Math.min(1, Math.max(0, value / 2 + 0.5))),
    shape,
  );
}

/** Compares each step of a sampler with `<stage>.<nn>.*`, and the timesteps at its end. */
class StepComparison {
  readonly #comparison: Comparison;
  readonly #stage: string;
  readonly #timesteps: number[] = [];

  constructor(comparison: Comparison, stage: string) {
    this.#comparison = comparison;
    this.#stage = stage;
  }

  readonly onStep = ({ t, sample, modelOutput, prevSample }: StepReport) => {
    const name = `${this.#stage}.${String(this.#timesteps.length).padStart(2, '0')}`;
    this.#timesteps.push(t);
    this.#comparison.compare(`${name}.sample`, sample, TOLERANCE);
    this.#comparison.compare(`${name}.model_output`, modelOutput, TOLERANCE);
    this.#comparison.compare(`${name}.prev_sample`, prevSample, TOLERANCE);
  };

  end() {
    const timesteps = Float32Array.from(this.#timesteps);
    this.#comparison.compare(`${this.#stage}.timesteps`, tensor(timesteps, [timesteps.length]), { max: 0 });
  }
}

function repeat(texts: readonly string[], times: number): string[] {
  return texts.flatMap((text) => Array<string>(times).fill(text));
}
