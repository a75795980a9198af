import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { decodePicture } from '../../images/decode-picture.ts';
import { latentMask } from '../../pipeline/inpaint.ts';
import { weightedSum } from '../../pipeline/interpolation.ts';
import { encodePicture, type Kandinsky, openKandinsky } from '../../pipeline/kandinsky.ts';
import type { Origin } from '../../pipeline/origin.ts';
import { sampleDecoder } from '../../pipeline/sample-decoder.ts';
import { samplePrior } from '../../pipeline/sample-prior.ts';
import { TorchGenerator } from '../../random/torch-generator.ts';
import { openUnet } from '../../runtime/networks/unets.ts';
import { concatRows, rows, type Tensor } from '../../tensor.ts';
import type { Again, Check, Comparison, Folder } from './check.ts';
import { repeatEach, StageSteps, toUnitRange } from './steps.ts';

const count = z.int().positive().default(1);
const sampling = { steps: z.int(), seed: z.int(), guidance: z.number() };
const size = { height: z.int().optional(), width: z.int().optional() };

/** What the reference's pipelines were called with; a folder may hold any of them. */
const Case = z
  .object({
    prior: z.object({
      ...sampling,
      prompt: z.array(z.string()),
      negative_prompt: z.array(z.string()).nullish(),
      num_images_per_prompt: count,
    }),
    interpolate: z.object({ ...sampling, items: z.array(z.string()), weights: z.array(z.number()) }),
    decoder: z.object({ ...sampling, ...size, num_images_per_prompt: count }),
    each: z.object({ seeds: z.array(z.int()), steps: z.int(), guidance: z.number() }),
    img2img: z.object({ ...sampling, ...size, image: z.string(), strength: z.number() }),
    inpaint: z.object({ ...sampling, image: z.string(), unet: z.string() }),
    emb2emb: z.object({ ...sampling, prompt: z.string(), image: z.string(), strength: z.number() }),
  })
  .partial();
type Case = z.infer<typeof Case>;
type Asked<Stage extends keyof Case> = NonNullable<Case[Stage]>;

const TOLERANCE = { max: 1e-3 };

interface Context {
  readonly model: Kandinsky;
  readonly folder: Folder;
  readonly comparison: Comparison;
  readonly asked: Case;
  readonly again: Again | undefined;
}

/** A Kandinsky 2.2 model, and every step that diffusers' pipelines took with it. */
export const kandinsky: Check = {
  name: 'kandinsky',
  takesSteps: true,
  async recognises(folder) {
    const asked = Object(await folder.json('case.json'));
    return Object.keys(Case.shape).some((stage) => stage in asked);
  },
  async run(folder, comparison, again) {
    const asked = await folder.parse('case.json', Case);
    const model = await openKandinsky(folder.path);
    const context = { model, folder, comparison, asked, again };
    try {
      if (comparison.expected.has('zero_embeds')) {
        comparison.compare('zero_embeds', await model.clip.zeroEmbedding(), TOLERANCE);
      }
      if (asked.prior) await comparePrior(context, asked.prior);
      if (asked.interpolate) await compareInterpolation(context, asked.interpolate);
      if (asked.decoder) await compareDecoder(context, asked.decoder);
      if (asked.each) await compareEach(context, asked.each);
      if (asked.img2img) await compareImageToImage(context, asked.img2img);
      if (asked.inpaint) await compareInpainting(context, asked.inpaint);
      if (asked.emb2emb) await compareEmbeddingToEmbedding(context, asked.emb2emb);
    } finally {
      await model.close();
    }
  },
};

async function comparePrior(context: Context, asked: Asked<'prior'>) {
  const { prompt, negative_prompt: negative, num_images_per_prompt: repeats } = asked;
  const steps = stepsOf(context, 'prior');
  const { image, negative: negativeImage } = await textToEmbedding(context.model, steps, {
    ...asked,
    prompts: repeatEach(prompt, repeats),
    negatives: negative ? repeatEach(negative, repeats) : undefined,
    generator: new TorchGenerator(asked.seed),
  });
  steps.compare(TOLERANCE);
  context.comparison.compare('prior.image_embeds', image, TOLERANCE);
  context.comparison.compare('prior.negative_image_embeds', negativeImage, TOLERANCE);
}

/** Kandinsky's mix of any number of texts and pictures: Σ wᵢ·zᵢ. */
async function compareInterpolation(context: Context, asked: Asked<'interpolate'>) {
  const { model, folder, comparison } = context;
  const generator = new TorchGenerator(asked.seed);
  const embed = async (item: string) => {
    if (folder.has(item)) return embedPicture(model, folder, item);
    const steps = stepsOf(context, 'interpolate');
    return (await textToEmbedding(model, steps, { ...asked, prompts: [item], generator })).image;
  };
  const embeddings: Tensor[] = [];
  // One after the other: they share a generator.
  for (const item of asked.items) embeddings.push(await embed(item));
  comparison.compare('interpolate.image_embeds', weightedSum(embeddings, asked.weights), TOLERANCE);
  comparison.compare('interpolate.negative_image_embeds', await model.clip.zeroEmbedding(), TOLERANCE);
}

async function compareDecoder(context: Context, asked: Asked<'decoder'>) {
  const { model, comparison } = context;
  const steps = stepsOf(context, 'decoder');
  const latents = await sampleDecoder(model, {
    ...embeddings(comparison, { repeats: asked.num_images_per_prompt }),
    height: asked.height ?? model.pictureSize,
    width: asked.width ?? model.pictureSize,
    ...samplingOf(model, steps, asked),
  });
  steps.compare(TOLERANCE);
  comparison.compare('image', toUnitRange(await model.movq.decode(latents)), TOLERANCE);
}

/** One generator an image. */
async function compareEach(context: Context, asked: Asked<'each'>) {
  const { model, comparison } = context;
  const { height = model.pictureSize, width = model.pictureSize } = context.asked.decoder ?? {};
  const latents = asked.seeds.map((seed, row) =>
    sampleDecoder(model, {
      ...embeddings(comparison, { row }),
      height,
      width,
      ...samplingOf(model, stepsOf(context, 'each', row), { ...asked, seed }),
    }),
  );
  const images = await model.movq.decode(concatRows(await Promise.all(latents)));
  comparison.compare('each.image', toUnitRange(images), TOLERANCE);
}

async function compareImageToImage(context: Context, asked: Asked<'img2img'>) {
  const { model, folder, comparison } = context;
  // diffusers takes the width for the height here.
  const [width, height] = [asked.height ?? model.pictureSize, asked.width ?? model.pictureSize];
  const sample = await encodePicture(model, await readPicture(folder, asked.image), height, width);
  const steps = stepsOf(context, 'img2img');
  const latents = await sampleDecoder(model, {
    ...embeddings(comparison, { row: 0 }),
    height,
    width,
    ...samplingOf(model, steps, asked),
    origin: { sample, strength: asked.strength },
  });
  steps.compare(TOLERANCE);
  comparison.compare('img2img.image', toUnitRange(await model.movq.decode(latents)), TOLERANCE);
}

/** With a U-Net of its own. */
async function compareInpainting(context: Context, asked: Asked<'inpaint'>) {
  const { folder, comparison } = context;
  const unet = await openUnet(folder.file(asked.unet));
  const model = { ...context.model, unet };
  try {
    const redrawn = comparison.input('inpaint.mask');
    const [height, width] = redrawn.shape as [number, number];
    const latents = await encodePicture(model, await readPicture(folder, asked.image), height, width);
    const [, , latentHeight, latentWidth] = latents.shape as [number, number, number, number];
    const steps = stepsOf(context, 'inpaint');
    const drawn = await sampleDecoder(model, {
      ...embeddings(comparison, { row: 0 }),
      height,
      width,
      ...samplingOf(model, steps, asked),
      kept: { latents, mask: latentMask(redrawn, latentHeight, latentWidth) },
    });
    steps.compare(TOLERANCE);
    comparison.compare('inpaint.image', toUnitRange(await model.movq.decode(drawn)), TOLERANCE);
  } finally {
    await unet.close();
  }
}

async function compareEmbeddingToEmbedding(context: Context, asked: Asked<'emb2emb'>) {
  const { model, folder, comparison } = context;
  const sample = await embedPicture(model, folder, asked.image);
  const { image } = await textToEmbedding(model, stepsOf(context, 'emb2emb'), {
    ...asked,
    prompts: [asked.prompt],
    origin: { sample, strength: asked.strength },
    generator: new TorchGenerator(asked.seed),
  });
  comparison.compare('emb2emb.image_embeds', image, TOLERANCE);
}

const stepsOf = ({ comparison, again }: Context, stage: string, row?: number) =>
  new StageSteps(stage, comparison, again, row);

/** The embeddings that the decoder was given: those that the prior made, or one of them. */
function embeddings(comparison: Comparison, { row, repeats = 1 }: { row?: number; repeats?: number }) {
  const input = (name: string) => {
    const all = comparison.input(name);
    if (row !== undefined) return rows(all, row, row + 1);
    const each = Array.from({ length: all.shape[0]! }, (_, i) => rows(all, i, i + 1));
    return concatRows(repeatEach(each, repeats));
  };
  return { imageEmbedding: input('prior.image_embeds'), negativeEmbedding: input('prior.negative_image_embeds') };
}

function samplingOf(
  model: Kandinsky,
  steps: StageSteps,
  asked: { readonly steps: number; readonly guidance: number; readonly seed: number },
) {
  return {
    scheduler: steps.watch(model.scheduler),
    steps: asked.steps,
    guidanceScale: asked.guidance,
    generator: new TorchGenerator(asked.seed),
  };
}

const readPicture = async (folder: Folder, name: string) => decodePicture(await readFile(folder.file(name)), name);

const embedPicture = async ({ clip }: Kandinsky, folder: Folder, name: string) =>
  clip.embedPixels(clip.preprocess(await readPicture(folder, name)));

interface TextRequest {
  readonly prompts: readonly string[];
  readonly negatives?: readonly string[];
  readonly steps: number;
  readonly guidance: number;
  readonly origin?: Origin;
  readonly generator: TorchGenerator;
}

/** As diffusers' prior pipeline: negative prompts get embeddings of their own, in rows after those of the prompts. */
async function textToEmbedding(
  { clip, prior, priorScheduler }: Kandinsky,
  watching: StageSteps,
  { prompts, negatives, steps, guidance, origin, generator }: TextRequest,
): Promise<{ image: Tensor; negative: Tensor }> {
  const embeddings = await samplePrior(
    { prior, priorScheduler: watching.watch(priorScheduler) },
    {
      text: await clip.encodeTexts([...prompts, ...(negatives ?? [])]),
      unconditional: await clip.encodeTexts([...(negatives ?? []), ...(negatives ?? prompts.map(() => ''))]),
      steps,
      guidanceScale: guidance,
      origin,
      generator,
    },
  );
  const image = rows(embeddings, 0, prompts.length);
  if (negatives) return { image, negative: rows(embeddings, prompts.length, 2 * prompts.length) };
  const zero = await clip.zeroEmbedding();
  return { image, negative: concatRows(prompts.map(() => zero)) };
}
