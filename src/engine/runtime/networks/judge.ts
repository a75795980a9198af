import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../../../errors.ts';
import { ClassifierConfig } from '../../networks/classifier.ts';
import { expectAllRead } from '../../ops/weights.ts';
import type { Tensor } from '../../tensor.ts';
import { openComponent } from '../../weights/component.ts';
import { classifierGraph } from '../graphs.ts';
import { record } from '../record.ts';
import type { RuntimeOptions } from '../runtime.ts';
import type { Open } from './open-network.ts';

/** The classifier that the report judges pictures by. */
export interface Judge extends Open<ClassifierConfig> {
  /**
   * @param pixels  (B, 3, image_size, image_size) in [−1, 1], composed on white
   * @returns logits (B, concepts), and where each picture lies among styles (B, style_width)
   */
  look(pixels: Tensor): Promise<{ concepts: Tensor; style: Tensor }>;
}

/** Whether a folder holds one whose training came to an end, which writes its weights. */
export const hasJudge = (dir: string): boolean => existsSync(join(dir, 'model.safetensors'));

export const noJudge = (dir: string) => `there is no judge in ${dir}: npm run train -- judge`;

/** @throws InputError where there is none */
export async function openJudge(dir: string, options: RuntimeOptions = {}): Promise<Judge> {
  if (!hasJudge(dir)) throw new InputError(noJudge(dir));
  const component = await openComponent(dir, 'Judge', ClassifierConfig);
  const session = await record(component, classifierGraph, options);
  expectAllRead(component);
  return {
    config: component.config,
    async look(pixels) {
      const { concepts, style } = await session.run({ pixels });
      return { concepts: concepts!, style: style! };
    },
    close: () => session.close(),
  };
}
