import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { decodePicture } from '../../images/decode-picture.ts';
import { type Karlo, openKarlo } from '../../pipeline/karlo.ts';
import { type KarloDecoderRequest, sampleKarloDecoder, upsample } from '../../pipeline/sample-karlo.ts';
import { samplePrior } from '../../pipeline/sample-prior.ts';
import { TorchGenerator } from '../../random/torch-generator.ts';
import { concatRows, type Tensor } from '../../tensor.ts';
import type { Check, Comparison, Disturb, Folder } from './check.ts';
import { compareRowsOfSteps, compareSteps, disturbedNetwork, RecordedSteps, repeatEach, toUnitRange } from './steps.ts';

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
  async recognises(folder) {
    const asked = Object(await folder.json('case.json'));
    return 'text_to_image' in asked || 'variation' in asked;
  },
  run: (folder, comparison) => run(folder, comparison, (output) => output),
  runDisturbed: run,
};

async function run(folder: Folder, comparison: Comparison, disturb: Disturb): Promise<void> {
  const { text_to_image: textToImage, each, variation } = await folder.parse('case.json', Case);
  const opened = await openKarlo(folder.path);
  const model = disturbed(opened, disturb);
  try {
    if (textToImage) await compareTextToImage(model, textToImage, comparison);
    if (textToImage && each) await compareEach(model, textToImage, each.seeds, comparison);
    if (variation) await compareVariation(model, variation, folder, comparison);
  } finally {
    await model.close();
  }
}

function disturbed(model: Karlo, disturb: Disturb): Karlo {
  const { priorStage, decoder, superResFirst, superResLast } = model;
  return {
    ...model,
    priorStage: priorStage && { ...priorStage, prior: disturbedNetwork(priorStage.prior, disturb) },
    decoder: disturbedNetwork(decoder, disturb),
    superResFirst: disturbedNetwork(superResFirst, disturb),
    superResLast: disturbedNetwork(superResLast, disturb),
  };
}

async function compareTextToImage(model: Karlo, asked: TextToImage, comparison: Comparison) {
  const texts = repeatEach(asked.prompt, asked.num_images_per_prompt);
  const { image, prior, decoder, superRes } = await drawTexts(model, texts, asked, asked.seed);
  compareSteps(comparison, 'prior', prior, TOLERANCE);
  compareSteps(comparison, 'decoder', decoder, TOLERANCE);
  compareSteps(comparison, 'super_res', superRes, TOLERANCE);
  comparison.compare('image', image, TOLERANCE);
}

async function compareEach(model: Karlo, asked: TextToImage, seeds: readonly number[], comparison: Comparison) {
  const texts = repeatEach(asked.prompt, asked.num_images_per_prompt);
  const drawn = await Promise.all(texts.map((text, i) => drawTexts(model, [text], asked, seeds[i]!)));
  const steps = (stage: 'prior' | 'decoder' | 'superRes') => drawn.map((picture) => picture[stage]);
  compareRowsOfSteps(comparison, 'each.prior', steps('prior'), TOLERANCE);
  compareRowsOfSteps(comparison, 'each.decoder', steps('decoder'), TOLERANCE);
  compareRowsOfSteps(comparison, 'each.super_res', steps('superRes'), TOLERANCE);
  comparison.compare('each.image', concatRows(drawn.map(({ image }) => image)), TOLERANCE);
}

async function compareVariation(
  model: Karlo,
  asked: z.infer<typeof Variation>,
  folder: Folder,
  comparison: Comparison,
) {
  const source = await decodePicture(await readFile(folder.file(asked.source)), asked.source);
  const pixels = model.clip.preprocess(source);
  const embedding = await model.clip.embedPixels(pixels);
  comparison.compare('variation.pixel_values', pixels, { max: 2e-2, mean: 1e-3 });
  comparison.compare('variation.image_embeds', embedding, TOLERANCE);

  const generator = new TorchGenerator(asked.seed);
  const { image, decoder, superRes } = await drawEmbedding(
    model,
    {
      imageEmbedding: concatRows(repeatEach([embedding], asked.num_images)),
      text: await model.clip.encodeTexts(repeatEach([''], asked.num_images)),
      steps: asked.decoder_steps,
      guidanceScale: asked.guidance,
      generator,
    },
    asked.super_res_steps,
  );
  compareSteps(comparison, 'variation.decoder', decoder, TOLERANCE);
  compareSteps(comparison, 'variation.super_res', superRes, TOLERANCE);
  comparison.compare('variation.image', image, TOLERANCE);
}

/** As UnCLIPPipeline: a row a text, all from one generator. */
async function drawTexts(model: Karlo, texts: readonly string[], asked: TextToImage, seed: number) {
  if (!model.priorStage) throw new Error('the model has no prior');
  const generator = new TorchGenerator(seed);
  const prior = new RecordedSteps();
  const text = await model.clip.encodeTexts(texts);
  const imageEmbedding = await samplePrior(model.priorStage, {
    text,
    unconditional: await model.clip.encodeTexts(texts.map(() => '')),
    steps: asked.prior_num_inference_steps,
    guidanceScale: asked.prior_guidance_scale,
    generator,
    onStep: prior.onStep,
  });
  const decoding = {
    imageEmbedding,
    text,
    steps: asked.decoder_num_inference_steps,
    guidanceScale: asked.decoder_guidance_scale,
    generator,
  };
  return { prior, ...(await drawEmbedding(model, decoding, asked.super_res_num_inference_steps)) };
}

async function drawEmbedding(
  model: Karlo,
  decoding: Omit<KarloDecoderRequest, 'unconditional' | 'scheduler' | 'onStep'>,
  upsamplerSteps: number,
): Promise<{ image: Tensor; decoder: RecordedSteps; superRes: RecordedSteps }> {
  const { generator, imageEmbedding } = decoding;
  const [decoder, superRes] = [new RecordedSteps(), new RecordedSteps()];
  const small = await sampleKarloDecoder(model, {
    ...decoding,
    unconditional: await model.clip.encodeTexts(repeatEach([''], imageEmbedding.shape[0]!)),
    scheduler: model.scheduler,
    onStep: decoder.onStep,
  });
  const image = await upsample(model, small, { steps: upsamplerSteps, generator, onStep: superRes.onStep });
  return { image: toUnitRange(image), decoder, superRes };
}
