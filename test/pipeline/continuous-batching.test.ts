import { describe, expect, test } from 'vitest';
import { draw } from '../../src/engine/pipeline/draw.ts';
import { openModel } from '../../src/engine/pipeline/open-model.ts';
import { recipesFor } from '../../src/engine/pipeline/recipes.ts';
import type { Recipe } from '../../src/recipe.ts';

const PROMPTS = ['red heart', 'cat', 'blue star', 'pizza', 'tree', 'car', 'moon', 'fish'];
const PICTURES = 2;

describe.each([
  { folder: 'test/golden/karlo-tiny/model', denoiser: 'decoder' },
  { folder: 'test/golden/kandinsky-tiny', denoiser: 'unet' },
])('$folder', ({ folder, denoiser }) => {
  test('sixteen pictures of eight users share steps, and each is what it is alone', { timeout: 60_000 }, async () => {
    let runs = 0;
    const onRun = (network: string) => {
      if (network === denoiser) runs++;
    };
    const model = await openModel(folder, { threads: 1, maxRows: 32, onRun });
    // All differ in seed, steps and guidance; one has a negative prompt, one another sampler.
    const users = PROMPTS.map((prompt, user) =>
      recipesFor(
        model,
        { operation: 'imagine', prompt, negativePrompt: user === 2 ? 'green' : undefined },
        {
          seed: 100 * user,
          count: PICTURES,
          steps: 3 + user,
          guidanceScale: user % 4 === 3 ? 1 : 1.5 + user / 2,
          priorGuidanceScale: user === 5 ? 1 : 2 + user / 3,
          sampler: user === 6 ? 'euler' : undefined,
        },
      ),
    );

    const [first, ...later] = users as [Recipe[], ...Recipe[][]];
    const joined: ReturnType<typeof draw>[] = [];
    // Another user comes with each step of the first, and the rest when its pictures are done.
    const joins = () => joined.push(draw(model, later[joined.length]!));
    const onStep = () => {
      if (joined.length < later.length) joins();
    };
    const together = [await draw(model, first, { onStep })];
    while (joined.length < later.length) joins();
    together.push(...(await Promise.all(joined)));
    const images = together.flatMap((drawing) => drawing.images);
    expect(images).toHaveLength(16);
    const steps = users.reduce((sum, recipes) => sum + recipes[0]!.steps * recipes.length, 0);
    expect(runs).toBeLessThan(steps / 2);

    for (const [i, recipe] of users.flat().entries()) {
      const [alone] = (await draw(model, [recipe])).images;
      // Bit for bit with onnxruntime's kernels of today; how it splits work among rows is its own business.
      expect(images[i]!, `picture ${i}`).toBeAllClose(alone!, { atol: 1e-5 });
    }
    await model.close();
  });
});
