import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { InputError } from '../../../errors.ts';
import { decodePicture } from '../../images/decode-picture.ts';
import { type Karlo, openKarlo } from '../../pipeline/karlo.ts';
import { type KarloDecoderRequest, sampleKarloDecoder, upsample } from '../../pipeline/sample-karlo.ts';
import { samplePrior } from '../../pipeline/sample-prior.ts';
import { TorchGenerator } from '../../random/torch-generator.ts';
import { concatRows, type Tensor } from '../../tensor.ts';
import type { Again, Check, Comparison, Folder } from './check.ts';
import { repeatEach, StageSteps, toUnitRange } from './steps.ts';

const TextToImage = z.object({
  seed: z.int(),
  prompt: z.array(z.string()),
  num_images_per_prompt: z.int().positive().default(1),
  prior_num_inference_steps: z.int(),
  decoder_num_inference_steps: z.int(),
  super_res_num_inference_steps: z.int(),
  prior_guidance_scale: z.number(),
  decoder_guidance_scale: z.number(),
});
type TextToImage = z.infer<typeof TextToImage>;

const Variation = z.object({
  source: z.string(),
  seed: z.int(),
  num_images: z.int().positive(),
  decoder_steps: z.int(),
  super_res_steps: z.int(),
  guidance: z.number(),
});

/** What the reference's pipelines were called with. */
const Case = z.object({
  text_to_image: TextToImage.optional(),
  /** The call of `text_to_image` with one generator an image. */
  each: z.object({ seeds: z.array(z.int()) }).optional(),
  variation: Variation.optional(),
});

const TOLERANCE = { max: 1e-3 };

/** A Karlo model, and every step that diffusers' pipelines took with it. */
export const karlo: Check = {
  name: 'karlo',
  takesSteps: true,
  async recognises(folder) {
    const asked = Object(await folder.json('case.json'));
    return 'text_to_image' in asked || 'variation' in asked;
  },
  async run(folder, comparison, again) {
    const { text_to_image: textToImage, each, variation } = await folder.parse('case.json', Case);
    const model = await openKarlo(folder.path);
    const context = { model, comparison, again };
    try {
      if (textToImage) await compareTextToImage(context, textToImage);
      if (textToImage && each) await compareEach(context, textToImage, each.seeds);
      if (variation) await compareVariation(context, variation, folder);
    } finally {
      await model.close();
    }
  },
};

interface Context {
  readonly model: Karlo;
  readonly comparison: Comparison;
  readonly again: Again | undefined;
}

async function compareTextToImage(context: Context, asked: TextToImage) {
  const texts = repeatEach(asked.prompt, asked.num_images_per_prompt);
  const steps = stagesOf(context, '');
  const image = await drawTexts(context.model, texts, asked, asked.seed, steps);
  for (const stage of Object.values(steps)) stage.compare(TOLERANCE);
  context.comparison.compare('image', image, TOLERANCE);
}

async function compareEach(context: Context, asked: TextToImage, seeds: readonly number[]) {
  const texts = repeatEach(asked.prompt, asked.num_images_per_prompt);
  const pictures = texts.map((_, row) => stagesOf(context, 'each.', row));
  const images = await Promise.all(
    texts.map((text, row) => drawTexts(context.model, [text], asked, seeds[row]!, pictures[row]!)),
  );
  for (const stage of ['prior', 'decoder', 'superRes'] as const) {
    StageSteps.compareRows(
      pictures.map((steps) => steps[stage]),
      TOLERANCE,
    );
  }
  context.comparison.compare('each.image', concatRows(images), TOLERANCE);
}

async function compareVariation(context: Context, asked: z.infer<typeof Variation>, folder: Folder) {
  const { model, comparison } = context;
  const source = await decodePicture(await readFile(folder.file(asked.source)), asked.source);
  const pixels = model.clip.preprocess(source);
  const embedding = await model.clip.embedPixels(pixels);
  comparison.compare('variation.pixel_values', pixels, { max: 2e-2, mean: 1e-3 });
  comparison.compare('variation.image_embeds', embedding, TOLERANCE);

  const decoding = {
    imageEmbedding: concatRows(repeatEach([embedding], asked.num_images)),
    text: await model.clip.encodeTexts(repeatEach([''], asked.num_images)),
    steps: asked.decoder_steps,
    guidanceScale: asked.guidance,
    generator: new TorchGenerator(asked.seed),
  };
  const { decoder, superRes } = stagesOf(context, 'variation.');
  const image = await drawEmbedding(model, decoding, asked.super_res_steps, { decoder, superRes });
  decoder.compare(TOLERANCE);
  superRes.compare(TOLERANCE);
  comparison.compare('variation.image', image, TOLERANCE);
}

type Stages = Record<'prior' | 'decoder' | 'superRes', StageSteps>;

function stagesOf({ comparison, again }: Context, prefix: string, row?: number): Stages {
  const steps = (stage: string) => new StageSteps(prefix + stage, comparison, again, row);
  return { prior: steps('prior'), decoder: steps('decoder'), superRes: steps('super_res') };
}

/** As UnCLIPPipeline: a row a text, all from one generator. */
async function drawTexts(
  model: Karlo,
  texts: readonly string[],
  asked: TextToImage,
  seed: number,
  stages: Stages,
): Promise<Tensor> {
  const { priorStage, clip } = model;
  if (!priorStage) throw new InputError('case.json: text_to_image: expected a model with a prior, found none');
  const generator = new TorchGenerator(seed);
  const text = await clip.encodeTexts(texts);
  const imageEmbedding = await samplePrior(
    { ...priorStage, priorScheduler: stages.prior.watch(priorStage.priorScheduler) },
    {
      text,
      unconditional: await clip.encodeTexts(texts.map(() => '')),
      steps: asked.prior_num_inference_steps,
      guidanceScale: asked.prior_guidance_scale,
      generator,
    },
  );
  const decoding = {
    imageEmbedding,
    text,
    steps: asked.decoder_num_inference_steps,
    guidanceScale: asked.decoder_guidance_scale,
    generator,
  };
  return drawEmbedding(model, decoding, asked.super_res_num_inference_steps, stages);
}

async function drawEmbedding(
  model: Karlo,
  decoding: Omit<KarloDecoderRequest, 'unconditional' | 'scheduler'>,
  upsamplerSteps: number,
  { decoder, superRes }: Omit<Stages, 'prior'>,
): Promise<Tensor> {
  const { generator, imageEmbedding } = decoding;
  const small = await sampleKarloDecoder(model, {
    ...decoding,
    unconditional: await model.clip.encodeTexts(repeatEach([''], imageEmbedding.shape[0]!)),
    scheduler: decoder.watch(model.scheduler),
  });
  const upsampler = { ...model, superResScheduler: superRes.watch(model.superResScheduler) };
  return toUnitRange(await upsample(upsampler, small, { steps: upsamplerSteps, generator }));
}
