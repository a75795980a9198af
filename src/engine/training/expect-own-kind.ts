import { InputError } from '../../errors.ts';
import { parseSchedulerConfig } from '../diffusion/scheduler-config.ts';
import { latentChannels, type MovqConfig } from '../networks/movq.ts';
import type { UnetConfig } from '../networks/unet-config.ts';
import { readConfig } from '../pipeline/model-folder.ts';
import { PICTURE_SIZE } from './data/rasterise.ts';
import { DECODER_SCHEDULER, PRIOR_SCHEDULER } from './tasks/noising.ts';

interface Folders {
  readonly scheduler: string;
  readonly prior_scheduler: string;
  readonly image_processor: string;
}

/** A property of a model, what training takes it for, and what it is. */
type Property = readonly [name: string, expected: unknown, found: unknown];

/**
 * Training can go on with models that were trained here: other Kandinskys have the same layout, but draw RGB, other sizes,
 * from other noise.
 * @param folders of the model's components
 * @throws InputError naming the first property that is another one
 */
export async function expectOwnKind(
  dir: string,
  folders: Folders,
  { movq, unet }: { readonly movq: MovqConfig; readonly unet: UnetConfig },
): Promise<void> {
  const latents = latentChannels(movq);
  const scale = 2 ** (movq.block_out_channels.length - 1);
  const properties: Property[] = [
    ['movq/config.json: in_channels (of RGBA)', 4, movq.in_channels],
    ['movq/config.json: out_channels (of RGBA)', 4, movq.out_channels],
    ['unet/config.json: in_channels (those of latents)', latents, unet.in_channels],
    ['unet/config.json: out_channels (twice those of latents)', 2 * latents, unet.out_channels],
    [`unet/config.json: sample_size (of pictures of ${PICTURE_SIZE} pixels)`, PICTURE_SIZE / scale, unet.sample_size],
    ...(await noiseOf('scheduler', folders.scheduler, DECODER_SCHEDULER)),
    ...(await noiseOf('prior_scheduler', folders.prior_scheduler, PRIOR_SCHEDULER)),
    ...(await pixelsOf(folders.image_processor)),
  ];
  const other = properties.find(([, expected, found]) => show(expected) !== show(found));
  if (!other) return;
  const [name, expected, found] = other;
  throw new InputError(
    `${dir}: training goes on only from models that npm run train -- export has written: ` +
      `${name}: expected ${show(expected)}, found ${show(found)}`,
  );
}

const show = (value: unknown): string => JSON.stringify(value ?? null);

/** How noise grows, and what is predicted from it. */
async function noiseOf(name: string, folder: string, own: object): Promise<Property[]> {
  const config: object = parseSchedulerConfig(...(await readConfig(folder, 'scheduler')));
  const expected: object = parseSchedulerConfig(own, name);
  const keys = ['prediction_type', 'num_train_timesteps', 'beta_schedule', 'beta_start', 'beta_end'];
  const of = (scheduler: object, key: string) => (scheduler as Record<string, unknown>)[key];
  return keys.map((key) => [`${name}/scheduler_config.json: ${key}`, of(expected, key), of(config, key)]);
}

/** How CLIP is shown pixels. */
async function pixelsOf(folder: string): Promise<Property[]> {
  const [json] = (await readConfig(folder, 'preprocessor')) as [Record<string, unknown>, string];
  const half = [0.5, 0.5, 0.5];
  return ['image_mean', 'image_std'].map((key) => [
    `image_processor/preprocessor_config.json: ${key}`,
    half,
    json[key],
  ]);
}
