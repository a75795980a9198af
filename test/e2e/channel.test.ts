import { existsSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRecipe } from '../../src/engine/images/encode-picture.ts';
import { writeRandomUpsampler } from '../pipeline/random-upsampler.ts';
import { Started } from './start.ts';

const CHROMIUM = '/usr/bin/chromium';
const hasChromium = existsSync(CHROMIUM);
if (!hasChromium) console.warn(`skipped: the channel in a browser needs ${CHROMIUM} (apt-get install chromium)`);

/** A drawing takes two or three seconds on a quiet machine; tests of other files run beside this one. */
const DRAWN_MS = 120_000;

const launch = () =>
  chromium.launch({
    executablePath: CHROMIUM,
    args: '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking'
      .concat(' --disable-component-update --disable-sync')
      .split(' '),
  });

describe.skipIf(!hasChromium)('the channel, in a browser', { timeout: 2 * DRAWN_MS }, () => {
  let app: Started;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    app = await Started.start();
    browser = await launch();
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    await page.goto(app.url as string);
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await app?.remove();
  });

  const messages = () => page.getByRole('article', { name: /^unCLIP/ });
  const lastMessage = () => messages().last();
  const messageBox = () => page.getByRole('textbox', { name: /^Message/ });

  async function send(line: string): Promise<void> {
    await messageBox().click();
    await page.keyboard.type(line);
    await page.keyboard.press('Enter');
  }

  /** Does something that draws, and waits for its pictures in a message of their own. */
  async function drawn(act: () => Promise<void>, count = 4): Promise<Locator> {
    const before = await messages().count();
    await act();
    const message = messages().nth(before);
    await message
      .getByRole('button', { name: /^Variations/ })
      .first()
      .waitFor({ timeout: DRAWN_MS });
    await expect
      .poll(() => message.getByRole('img', { name: /heart|blend|variations/i }).count(), { timeout: DRAWN_MS })
      .toBe(count);
    return message;
  }

  const picturesOf = (message: Locator) => message.locator('img[src*="/attachments/"]');

  async function recipesOf(message: Locator) {
    const urls = await picturesOf(message).evaluateAll((images) =>
      images.map((image) => (image as HTMLImageElement).src),
    );
    return Promise.all(
      urls.map(async (url) => {
        const bytes = Buffer.from(await (await fetch(url)).arrayBuffer());
        return { bytes, recipe: readRecipe(bytes, url)! };
      }),
    );
  }

  it('offers the commands and their options, and draws what is asked for', async () => {
    await messageBox().click();
    await page.keyboard.type('/');
    await page.getByRole('option', { name: /imagine/ }).waitFor();
    expect(await page.getByRole('option', { name: /blend/ }).count()).toBe(1);
    await page.keyboard.type('imagine');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Add option seed' }).waitFor();

    await page.keyboard.type('red heart');
    const message = await drawn(() => page.getByRole('button', { name: 'Send command' }).click());
    const pictures = await recipesOf(message);
    const [first] = pictures;
    expect(pictures.map(({ recipe }) => recipe.seed - first!.recipe.seed)).toEqual([0, 1, 2, 3]);
    for (const { bytes, recipe } of pictures) {
      expect(recipe).toMatchObject({ operation: 'imagine', prompt: 'red heart', steps: 20, model: 'emoji-v9' });
      const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
      expect(info).toMatchObject({ width: 128, height: 128, channels: 4 });
      const pixel = (x: number, y: number) => [...data.subarray((y * 128 + x) * 4, (y * 128 + x) * 4 + 4)];
      const [red, green, blue, alpha] = pixel(64, 70) as [number, number, number, number];
      expect(red).toBeGreaterThan(1.5 * Math.max(green, blue));
      expect(alpha).toBeGreaterThan(240);
      expect(pixel(1, 1)[3]).toBeLessThan(15);
    }
  });

  it('varies a chosen picture', async () => {
    const message = await drawn(() => lastMessage().getByRole('button', { name: 'Variations 2' }).click());
    const [picture] = await recipesOf(message);
    expect(picture!.recipe.operation).toBe('variations');
    expect(picture!.recipe.imageEmbedding).toBeDefined();
  });

  it('modifies a chosen picture by what is filled into a form', async () => {
    const original = messages().first();
    const message = await drawn(async () => {
      await original.getByRole('button', { name: 'Modify 1' }).click();
      await page.getByLabel('What is it to show?').fill('green heart');
      await page.getByLabel('How far to go, 0 to 1').fill('0.5');
      await page.getByRole('button', { name: 'Submit' }).click();
    }, 1);
    const [picture] = await recipesOf(message);
    expect(picture!.recipe.modification).toEqual({ prompt: 'green heart', from: 'red heart', strength: 0.5 });
  });

  it('draws the same seeds with more guidance', async () => {
    const original = messages().first();
    const message = await drawn(() => original.getByRole('button', { name: 'Guidance +' }).click());
    const [before, after] = [await recipesOf(original), await recipesOf(message)];
    expect(after.map(({ recipe }) => recipe.seed)).toEqual(before.map(({ recipe }) => recipe.seed));
    expect(after[0]!.recipe.guidanceScale).toBeGreaterThan(before[0]!.recipe.guidanceScale);
    expect(after[0]!.bytes.equals(before[0]!.bytes)).toBe(false);
  });

  it('draws again for a reaction', async () => {
    const original = messages().first();
    const message = await drawn(async () => {
      await original.hover();
      await original.getByRole('button', { name: 'Add reaction' }).click();
      await page
        .getByRole('dialog', { name: 'Choose a reaction' })
        .getByRole('button', { name: /repeat|rerun/i })
        .click();
    });
    const [before, after] = [await recipesOf(original), await recipesOf(message)];
    expect(after[0]!.recipe.prompt).toBe('red heart');
    expect(after[0]!.recipe.seed).not.toBe(before[0]!.recipe.seed);
  });

  describe('blend', () => {
    async function blend(files: [string, string]): Promise<void> {
      await messageBox().click();
      await page.keyboard.type('/blend');
      await page.keyboard.press('Enter');
      for (const [i, file] of files.entries()) {
        await page.getByLabel(`image${i + 1}`).setInputFiles(file);
      }
      await page.getByRole('button', { name: 'Send command' }).click();
    }

    it('mixes two pictures', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'unclip-blend-'));
      const [a, b] = await recipesOf(messages().first());
      const files = [join(folder, 'a.png'), join(folder, 'b.png')] as [string, string];
      await writeFile(files[0], a!.bytes);
      await writeFile(files[1], b!.bytes);
      const message = await drawn(() => blend(files));
      expect((await recipesOf(message))[0]!.recipe.operation).toBe('blend');
    });

    it('says to the one who asked what is wrong with a file that is no picture', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'unclip-blend-'));
      const files = [join(folder, 'notes.png'), join(folder, 'more.png')] as [string, string];
      for (const file of files) await writeFile(file, 'no picture at all');
      await blend(files);
      const refusal = page
        .getByRole('article')
        .filter({ hasText: 'notes.png' })
        .filter({ hasText: 'Only you can see this' });
      await refusal.waitFor({ timeout: DRAWN_MS });
    });
  });

  it('shows how far a drawing is, and stops it', async () => {
    // Enough steps that no machine is done before they are seen.
    await send('/imagine prompt: red heart steps: 200');
    const drawing = messages().filter({ has: page.getByRole('button', { name: 'Cancel' }) });
    await drawing.getByText(/step \d+ of 200/).waitFor({ timeout: DRAWN_MS });
    await drawing
      .getByRole('img', { name: /preview at \d+ %/ })
      .first()
      .waitFor({ timeout: DRAWN_MS });
    await drawing.getByRole('button', { name: 'Cancel' }).click();
    await lastMessage()
      .getByText(/cancelled/i)
      .waitFor({ timeout: DRAWN_MS });
  });

  it('finishes a picture whose engine was killed, once', async () => {
    const message = await drawn(async () => {
      await send('/imagine prompt: red heart steps: 200');
      await lastMessage()
        .getByText(/step \d+ of 200/)
        .waitFor({ timeout: DRAWN_MS });
      const [engine] = app.pids('engine').slice(-1);
      process.kill(engine!, 'SIGKILL');
    });
    expect(app.pids('engine').length).toBe(2);
    expect(await picturesOf(message).count()).toBe(4);
    expect((await recipesOf(message))[0]!.recipe.steps).toBe(200);
    expect(app.output).not.toContain('EPIPE');
  });

  it('keeps messages and buttons over a restart', async () => {
    const before = await messages().count();
    expect(await app.stop()).toBe(0);
    app = await Started.start(app.dataDir);
    await page.goto(app.url as string);
    // the page is there before its messages are
    await expect.poll(() => messages().count(), { timeout: DRAWN_MS }).toBe(before);
    await drawn(() => messages().first().getByRole('button', { name: 'Rerun' }).click());
  });

  it('takes back what the one who asked deletes', async () => {
    const before = await messages().count();
    await lastMessage().getByRole('button', { name: 'Delete' }).click();
    await expect.poll(() => messages().count(), { timeout: DRAWN_MS }).toBe(before - 1);
  });
});

it.skipIf(!hasChromium)(
  'the channel makes a picture larger where the model can',
  { timeout: 2 * DRAWN_MS },
  async () => {
    const model = await mkdtemp(join(tmpdir(), 'unclip-model-'));
    await cp('test/golden/kandinsky-tiny', model, { recursive: true });
    await writeRandomUpsampler(join(model, 'prior-model', 'upsampler'));
    const app = await Started.start(undefined, { MODEL_DIR: model });
    const browser = await launch();
    try {
      const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
      await page.goto(app.url as string);
      await page.getByRole('textbox', { name: /^Message/ }).click();
      await page.keyboard.type('/imagine prompt: red heart count: 1 steps: 2');
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: 'Upscale' }).click({ timeout: DRAWN_MS });
      const picture = page.locator('img[src*="upscaled"]');
      await picture.waitFor({ timeout: DRAWN_MS });
      const bytes = Buffer.from(await (await fetch((await picture.getAttribute('src'))!)).arrayBuffer());
      expect(readRecipe(bytes, 'upscaled')).toMatchObject({ prompt: 'red heart', upscaled: true });
      expect(await sharp(bytes).metadata()).toMatchObject({ width: 256, height: 256 });
    } finally {
      await browser.close();
      await app.remove();
      await rm(model, { recursive: true });
    }
  },
);
