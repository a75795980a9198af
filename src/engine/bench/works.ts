import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDir } from '../cache.ts';
import { PUBLISHED_SHAPES } from '../models/published-shapes.ts';
import { synthesizeModel } from '../models/synthesize.ts';
import { UnetConfig } from '../networks/unet-config.ts';
import { openModel } from '../pipeline/open-model.ts';
import { Calibration } from '../quantisation/calibration.ts';
import { TorchGenerator } from '../random/torch-generator.ts';
import { openUnet } from '../runtime/networks/unets.ts';
import { openComponent } from '../weights/component.ts';
import type { Work } from './peer.ts';

/** Of the decoder. */
export const STEPS = 20;

/** What a user of the bot asks for with /imagine: four pictures. */
export async function drawingWork(folder: string): Promise<Extract<Work, { kind: 'drawing' }>> {
  const model = await openModel(folder);
  const { defaults, pictureSize: size } = model;
  await model.close();
  const { priorSteps, guidanceScale, priorGuidanceScale } = defaults;
  const request = { prompt: 'red heart', count: 4, steps: STEPS, size };
  return { kind: 'drawing', folder, ...request, priorSteps, guidanceScale, priorGuidanceScale };
}

/**
 * One step of a U-Net.
 * @param rows  pictures; under guidance twice as many as are drawn
 * @param size  height and width of the latents, those of its config when absent
 */
export async function stepWork(folder: string, rows: number, size?: number): Promise<Extract<Work, { kind: 'unet' }>> {
  const { config } = await openComponent(folder, 'UNet2DConditionModel', UnetConfig);
  const { in_channels: channels, encoder_hid_dim: embeddingWidth, sample_size: ownSize } = config;
  return { kind: 'unet', folder, rows, channels, size: size ?? ownSize ?? 64, embeddingWidth };
}

/** Ranges of the layers, for int8: how fast that is does not depend on them. */
async function calibrateOnNoise(folder: string): Promise<void> {
  const calibration = new Calibration();
  const { rows, channels, size, embeddingWidth } = await stepWork(folder, 1, 16);
  const unet = await openUnet(folder, { calibration });
  const generator = new TorchGenerator(0);
  await unet.predict({
    sample: generator.randn([rows, channels, size, size]),
    timestep: [500],
    imageEmbedding: generator.randn([rows, embeddingWidth]),
  });
  await unet.close();
  await calibration.write();
}

/** Folder of Kandinsky 2.2's U-Net with random weights, 5 GB, calibrated, which is made at its first use and kept. */
export async function kandinskyUnetFolder(say: (line: string) => void): Promise<string> {
  const folder = cacheDir('kandinsky22-unet');
  if (existsSync(folder)) return join(folder, 'unet');
  say(`making up the weights of Kandinsky 2.2's U-Net in ${folder}, 5 GB (kept for the next time) …`);
  const unfinished = `${folder}.${process.pid}`;
  const [, decoder] = PUBLISHED_SHAPES.kandinsky22;
  const { className, networks } = decoder;
  await mkdir(cacheDir(), { recursive: true });
  try {
    const shape = { className, folder: '', networks: { unet: networks.unet! }, schedulers: {}, hasTokenizer: false };
    await synthesizeModel(unfinished, [shape]);
    await calibrateOnNoise(join(unfinished, 'unet'));
    await rename(unfinished, folder);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return join(folder, 'unet');
}
