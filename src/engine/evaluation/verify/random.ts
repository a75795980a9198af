import { z } from 'zod';
import { InputError } from '../../../errors.ts';
import { TorchGenerator } from '../../random/torch-generator.ts';
import type { Check } from './check.ts';

const Cases = z.object({
  draws: z.array(z.string()),
  cases: z.array(z.object({ name: z.string(), seed: z.number(), shape: z.array(z.int().nonnegative()) })),
});

/** Torch's CPU generator: draws that follow one another from one seed. */
export const random: Check = {
  name: 'random',
  recognises: (folder) => folder.hasCasesWith('name', 'seed', 'shape'),

  async run(folder, comparison) {
    const { draws, cases } = await folder.parse('case.json', Cases);
    for (const { name, seed, shape } of cases) {
      const generator = new TorchGenerator(seed);
      for (const draw of draws) {
        const [distribution, drawn] = parseDraw(draw, shape);
        const tensor = `${name}.${draw.includes('shape') ? distribution : `then_${distribution}${drawn[0]}`}`;
        comparison.compare(tensor, generator[distribution](drawn), { max: 1e-6 });
      }
    }
  },
};

/** `randn(shape)`: the case's own; `rand(6)`: six values. */
function parseDraw(draw: string, shape: number[]): ['randn' | 'rand', number[]] {
  const [, distribution, size] = /^(randn|rand)\((shape|\d+)\)$/.exec(draw) ?? [];
  if (!size) throw new InputError(`case.json: draws: expected randn(shape), randn(20) or rand(6), found ${draw}`);
  return [distribution as 'randn' | 'rand', size === 'shape' ? shape : [Number(size)]];
}
