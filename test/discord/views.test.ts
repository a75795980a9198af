import { IncomingWebhookUpdateRequestPartialSchema } from 'discord-api-spec/zod';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeCustomId } from '../../src/discord/custom-id.ts';
import { type MessageView, messageBody, type TextView } from '../../src/discord/message-view.ts';
import { cancelled, drawing, failed, finished, type Picture, queued, refused } from '../../src/discord/views.ts';
import type { Task } from '../../src/queue/messages.ts';
import { MAX_PROMPT_LENGTH, MAX_SEED, type Recipe, SAMPLERS } from '../../src/recipe.ts';

const userId = '18446744073709551615';
const interaction = { applicationId: '1', token: 'token', expiresAt: 0 };
const imagine: Task = { kind: 'imagine', prompt: 'red heart', settings: { seed: 0 } };

function picture(recipe: Partial<Recipe> = {}): Picture {
  const data = new Uint8Array([1]);
  return {
    data,
    recipe: {
      version: 1,
      operation: 'imagine',
      prompt: 'red heart',
      seed: 42,
      steps: 20,
      guidanceScale: 3,
      priorGuidanceScale: 4,
      sampler: 'ddim',
      model: 'v0',
      ...recipe,
    },
  };
}

function buttons({ components }: TextView) {
  return components.map((row) => row.components.map((button) => ('label' in button ? button.label : undefined)));
}

describe('a finished message', () => {
  const pictures: [Picture, ...Picture[]] = [
    picture(),
    picture({ seed: 43 }),
    picture({ seed: 44 }),
    picture({ seed: 45 }),
  ];

  test('shows everything that is needed to draw it again', () => {
    const { content } = finished({ task: imagine, reply: { userId, interaction } }, pictures, 12.34);
    expect(content).toBe(
      '**red heart**\n-# seeds 42 to 45 · guidance 3 · prior guidance 4 · steps 20 · sampler ddim · model v0 · 12.3 s',
    );
  });

  test.each([
    [{ prior: 'ar', priorSamples: 2 }, 'AR prior guidance 4, best of 2'],
    [{ prior: 'none' }, 'guidance 3 · no prior · steps 20'],
  ] as const)('says which prior %j drew the embedding', (recipe, text) => {
    const { content } = finished({ task: imagine, reply: { userId } }, [picture(recipe)], 1);
    expect(content).toContain(text);
  });

  test.each([
    ['modify', undefined, false],
    ['variations', 'red heart', false],
    ['blend', undefined, false],
    ['blend', 'red heart', true],
  ] as const)('of %s with the prompt %s it names a prior only where one drew z_i: %s', (operation, prompt, isNamed) => {
    const recipe = { operation, prompt, imageEmbedding: 'AAAA' };
    const { content } = finished({ task: imagine, reply: { userId } }, [picture(recipe)], 1);
    expect(content.includes('prior')).toBe(isNamed);
  });

  test('says what was too long for the model', () => {
    const [first, ...others] = pictures;
    const { content } = finished(
      { task: imagine, reply: { userId } },
      [{ ...first, unread: 'and a *hat*' }, ...others],
      1,
    );
    expect(content).toContain('\n-# too long for the model, not read: and a \\*hat\\*\n');
  });

  test('shows a zero seed and a negative prompt', () => {
    const { content } = finished(
      { task: imagine, reply: { userId, interaction } },
      [picture({ seed: 0, negativePrompt: 'a *frame*', guidanceScale: 4.35 - 1 })],
      75,
    );
    expect(content).toContain('\n-# without: a \\*frame\\*\n-# seed 0 · guidance 3.35 · ');
    expect(content).toMatch(/ · 1 min 15 s$/);
  });

  test('has buttons for each picture and a last row for all', () => {
    const view = finished({ task: imagine, reply: { userId, interaction } }, pictures, 1);
    expect(buttons(view)).toEqual([
      ['Variations 1', 'Variations 2', 'Variations 3', 'Variations 4'],
      ['Modify 1', 'Modify 2', 'Modify 3', 'Modify 4'],
      ['Guidance −', 'Guidance +', 'Rerun', 'Delete'],
    ]);
    const canGrow = pictures.map((one) => ({ ...one, canGrow: true })) as typeof pictures;
    const withUpscale = finished({ task: imagine, reply: { userId, interaction } }, canGrow, 1);
    expect(buttons(withUpscale)[2]).toEqual(['Upscale 1', 'Upscale 2', 'Upscale 3', 'Upscale 4']);
    const one = finished({ task: imagine, reply: { userId, interaction } }, [picture()], 1);
    expect(buttons(one).slice(0, 2)).toEqual([['Variations'], ['Modify']]);
  });

  test('of an animation can only be deleted: it holds no recipe', () => {
    const source = { url: 'https://cdn/a.png', name: 'a.png' };
    const task = { kind: 'interpolate', pictures: [source, source], frames: 9, noise: 'fixed', settings: { seed: 1 } };
    const frame = picture({ operation: 'interpolate', prompt: undefined });
    const shown = { task: task as Task, reply: { userId, interaction } };
    const view = finished(shown, [{ ...frame, extension: 'gif' }], 1);
    expect(buttons(view)).toEqual([['Delete']]);
    expect(view.files?.map(({ name, alt }) => ({ name, alt }))).toEqual([
      { name: 'interpolate-42.gif', alt: 'interpolate of a picture' },
    ]);
    expect(view.content).toContain('**Interpolation** of a.png and a.png\n');
  });

  test('of a modification says how far it went, and names the pictures apart', () => {
    const source = { url: 'https://cdn/a.png', name: 'a.png' };
    const strengths = [0.25, 0.5];
    const task: Task = { kind: 'modify', pictures: [source], prompt: 'green heart', strengths, settings: { seed: 42 } };
    const modified = strengths.map((strength) =>
      picture({ operation: 'modify', prompt: undefined, modification: { prompt: 'green heart', from: '', strength } }),
    );
    const view = finished({ task, reply: { userId, interaction } }, [modified[0]!, modified[1]!], 1);
    expect(view.content).toMatch(
      /^\*\*green heart\*\* · \*\*Modification\*\* of a.png · strength 0.25, 0.5\n-# seed 42 · /,
    );
    expect(view.files?.map(({ name }) => name)).toEqual(['green-heart-42.png', 'green-heart-42-2.png']);
  });

  test('names each picture and gives it the whole prompt as alternative text', () => {
    const prompt = 'x'.repeat(MAX_PROMPT_LENGTH);
    const view = finished(
      { task: { ...imagine, prompt }, reply: { userId, interaction } },
      [picture({ prompt }), picture({ prompt, seed: 43 })],
      1,
    );
    expect(view.files?.map(({ alt }) => alt)).toEqual([`1 of 2: ${prompt}`, `2 of 2: ${prompt}`]);
    expect(view.files?.map(({ name }) => name)).toEqual([`${'x'.repeat(40)}-42.png`, `${'x'.repeat(40)}-43.png`]);
    expect(view.content).toContain(`**${'x'.repeat(299)}…**`);
  });

  test('of a redraw and of variations is titled with the prompt that the pictures hold', () => {
    const source = { url: 'https://cdn/a.png', name: 'a_b.png' };
    const reply = { userId, interaction };
    const title = (task: Task) => finished({ task, reply }, [picture()], 1).content.split('\n')[0];
    expect(title({ kind: 'variations', pictures: [source], settings: { seed: 1 } })).toBe(
      '**red heart** · **Variations** of a\\_b.png',
    );
    expect(title({ kind: 'redraw', pictures: [source], guidanceStep: -1, settings: {} })).toBe(
      '**red heart** · **Guidance −1**',
    );
    expect(title({ kind: 'redraw', pictures: [source], settings: { seed: 1 } })).toBe('**red heart** · **Rerun**');
    expect(
      finished(
        { task: { kind: 'blend', pictures: [source, source], weights: [1, 3], settings: { seed: 1 } }, reply },
        [picture({ prompt: undefined, operation: 'blend' })],
        1,
      ).content,
    ).toContain('**Blend** of a\\_b.png and a\\_b.png · weights 1, 3\n');
  });
});

describe('a message on the way', () => {
  test('says how many come first', () => {
    const shown = { task: imagine, reply: { userId, interaction } };
    expect(queued(shown).content).toBe('**red heart**\n⏳ Queued');
    expect(queued(shown, 0).content).toBe('**red heart**\n⏳ Queued · next in line');
    expect(queued(shown, 3).content).toBe('**red heart**\n⏳ Queued · 3 ahead in line');
  });

  test('says who asked only where Discord does not, and pings nobody', () => {
    const view = queued({ task: imagine, reply: { userId } });
    expect(view.content).toContain(`for <@${userId}>`);
    expect(messageBody(view).allowed_mentions).toEqual({ parse: [] });
    expect(queued({ task: imagine, reply: { userId, interaction } }).content).not.toContain(userId);
  });

  test('shows bar, percentage, step and time, and the pictures so far', () => {
    const shown = { task: imagine, reply: { userId, interaction } };
    const data = new Uint8Array([1]);
    const view = drawing(shown, { step: 9, steps: 20, seconds: 3.21, previews: [data, data] });
    expect(view.content).toBe('**red heart**\n▰▰▰▰▰▱▱▱▱▱ 45 % · step 9 of 20 · 3.2 s');
    expect(view.files?.map(({ alt }) => alt)).toEqual([
      '1 of 2: preview at 45 %: red heart',
      '2 of 2: preview at 45 %: red heart',
    ]);
    expect(buttons(view)).toEqual([['Cancel']]);
  });

  test('keeps its previews when the next state brings none', () => {
    const shown = { task: imagine, reply: { userId, interaction } };
    expect(messageBody(drawing(shown, { step: 1, steps: 20, seconds: 1 }))).not.toHaveProperty('attachments');
  });
});

test('a message that ended without pictures drops them and can be deleted', () => {
  const shown = { task: imagine, reply: { userId, interaction } };
  for (const view of [
    cancelled(shown),
    failed(shown, 'it broke', 'abc'),
    refused(shown, 'steps must be more'),
    cancelled({ reply: { userId } }),
  ]) {
    expect(messageBody(view).attachments).toEqual([]);
    expect(buttons(view)).toEqual([['Delete']]);
    const [button] = view.components[0]!.components;
    expect(decodeCustomId((button as { custom_id: string }).custom_id)).toEqual({ action: 'delete', ownerId: userId });
  }
});

test('a drawing that was given up says why', () => {
  const { content } = failed({ reply: { userId } }, 'the engine stopped 3 times while drawing this', 'abc');
  expect(content).toBe("💥 Sorry, the engine stopped 3 times while drawing this. It's in the log as `abc`.");
});

describe('whatever people type', () => {
  const text = (maxLength: number) =>
    fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength }),
      fc.constantFrom('*', '😀', '|', '@everyone ').map((s) => s.repeat(maxLength).slice(0, maxLength)),
    );
  const prompt = text(MAX_PROMPT_LENGTH);
  const source = fc.record({ url: fc.constant('https://cdn/a.png'), name: text(300) });
  const settings = fc.constant({ seed: 1 });
  const task: fc.Arbitrary<Task> = fc.oneof(
    fc.record({ kind: fc.constant('imagine' as const), prompt, settings }),
    fc.record({
      kind: fc.constant('blend' as const),
      pictures: fc.tuple(source, source),
      weights: fc.option(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 5 }), { nil: undefined }),
      prompt: fc.option(prompt, { nil: undefined }),
      settings,
    }),
    fc.record({ kind: fc.constant('variations' as const), pictures: fc.tuple(source), settings }),
    fc.record({ kind: fc.constant('upscale' as const), pictures: fc.tuple(source) }),
    fc.record({
      kind: fc.constant('modify' as const),
      pictures: fc.tuple(source),
      prompt,
      strengths: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 4 }),
      settings,
    }),
    fc.record({
      kind: fc.constant('interpolate' as const),
      pictures: fc.array(source, { minLength: 2, maxLength: 4 }),
      frames: fc.integer({ min: 2, max: 32 }),
      noise: fc.constant('fixed' as const),
      settings,
    }),
    fc.record({ kind: fc.constant('inpaint' as const), pictures: fc.tuple(source, source), prompt, settings }),
    fc.record({
      kind: fc.constant('redraw' as const),
      pictures: fc.array(source, { minLength: 1, maxLength: 4 }),
      guidanceStep: fc.constantFrom(-1, 1),
      settings,
    }),
  );
  const recipe = fc.record({
    prompt: fc.option(prompt, { nil: undefined }),
    negativePrompt: fc.option(prompt, { nil: undefined }),
    seed: fc.integer({ min: 0, max: MAX_SEED }),
    guidanceScale: fc.double({ min: 0, max: 20, noNaN: true }),
    priorGuidanceScale: fc.double({ min: 0, max: 20, noNaN: true }),
    sampler: fc.constantFrom(...SAMPLERS),
    model: text(300),
  });
  const shown = fc.record({
    task,
    reply: fc.constantFrom({ userId, interaction }, { userId }),
    prompt: fc.option(prompt, { nil: undefined }),
  });

  test('every message is one that Discord takes', () => {
    fc.assert(
      fc.property(shown, fc.array(recipe, { minLength: 1, maxLength: 4 }), text(3000), (shown, recipes, message) => {
        const [first, ...others] = recipes.map(picture);
        const views: MessageView[] = [
          queued(shown, 1e9),
          drawing(shown, { step: 250, steps: 250, seconds: 1e6, previews: recipes.map(() => new Uint8Array(1)) }),
          finished(shown, [first!, ...others], 1e6),
          refused(shown, message),
          cancelled(shown),
          failed(shown, message, 'abcdef01'),
        ];
        for (const view of views) expectValid(view);
      }),
      { numRuns: 60 },
    );
  });

  function expectValid(view: MessageView) {
    const body = messageBody(view);
    expect(IncomingWebhookUpdateRequestPartialSchema.safeParse(body).error?.issues ?? []).toEqual([]);
    const customIds = view.components.flatMap((row) =>
      row.components.flatMap((button) => ('custom_id' in button ? button.custom_id : [])),
    );
    expect(new Set(customIds).size).toBe(customIds.length);
    expect(view.components.length).toBeLessThanOrEqual(5);
    for (const { components } of view.components) expect(components.length).toBeLessThanOrEqual(5);
    expect(view.content.trim()).not.toBe('');
  }
});
