import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { AxeBuilder } from '@axe-core/playwright';
import type { AutocompleteInteraction, Client } from 'discord.js';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type LocalDiscord, startLocalDiscord } from '../../src/sandbox/local-discord.ts';
import { type Browser, missingChromium, openBrowser } from './chromium.ts';
import { ManualClock } from './manual-clock.ts';
import { picture, startSampleBot } from './sample-bot.ts';

let pageDir: string;
let desktop: Browser;
let phone: Browser;
let clock: ManualClock;
let discord: LocalDiscord;
let bot: Client;
let page: Page;
const opened: Page[] = [];
let complaints: string[];

/** As `npm run build` does it: in a process of its own, since vitest's NODE_ENV would give a development build. */
function buildPage(outDir: string) {
  const args = ['node_modules/vite/bin/vite.js', 'build', '--config', 'src/sandbox/page/vite.config.ts'];
  const cwd = new URL('../..', import.meta.url);
  const env = { ...process.env, NODE_ENV: 'production' };
  return promisify(execFile)(process.execPath, [...args, '--outDir', outDir, '--emptyOutDir'], { cwd, env });
}

describe.skipIf(missingChromium)(
  `the page${missingChromium ? `: ${missingChromium}` : ''}`,
  { timeout: 30_000 },
  () => {
    beforeAll(async () => {
      pageDir = await mkdtemp(join(tmpdir(), 'sandbox-page-'));
      await buildPage(pageDir);
      desktop = await openBrowser({ viewport: { width: 1280, height: 800 } });
      phone = await openBrowser({
        viewport: { width: 360, height: 740 },
        hasTouch: true,
        isMobile: true,
        reducedMotion: 'reduce',
      });
    }, 60_000);
    afterAll(async () => {
      await desktop.close();
      await phone.close();
      await rm(pageDir, { recursive: true });
    });

    beforeEach(async () => {
      clock = new ManualClock();
      complaints = [];
      discord = await startLocalDiscord({ clock, pageDir });
      bot = await startSampleBot(discord);
      page = await open(desktop);
    });
    afterEach(async () => {
      for (const page of opened.splice(0)) await page.close();
      await bot.destroy();
      await discord.close();
      expect(complaints).toEqual([]);
    });

    /** Anything from another origin, and anything the browser complains about, fails the test. */
    async function open({ context }: Browser): Promise<Page> {
      const page = await context.newPage();
      opened.push(page);
      page.on('request', (request) => {
        if (!request.url().startsWith(discord.url)) complaints.push(`asked for ${request.url()}`);
      });
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      await page.goto(discord.url);
      await box(page).waitFor();
      return page;
    }

    const box = (on = page) => on.getByRole('textbox', { name: 'Message #pictures' });
    const newest = (on = page) => on.getByRole('article').last();
    const violations = async (on: Page) =>
      (await new AxeBuilder({ page: on }).analyze()).violations.map(({ id, nodes }) => [
        id,
        nodes.map(({ html }) => html),
      ]);
    const file = async (name: string) => ({ name, mimeType: 'image/png', buffer: await picture('pink') });

    test('an empty channel says what to type, and one press tries it', async () => {
      await page.getByRole('button', { name: '/imagine prompt: red heart' }).click();
      await page.keyboard.press('Enter');
      await newest().getByText('prompt=red heart').waitFor();
      expect(
        await newest()
          .getByRole('img')
          .evaluateAll((all) => all.map((img) => img.getAttribute('alt'))),
      ).toEqual(['red picture', 'gold picture', 'teal picture', 'navy picture']);
      await newest().getByText('used /imagine').waitFor();
    });

    test('a whole command line is read as it stands', async () => {
      await box().pressSequentially('/imagine prompt: red heart: big seed: 5');
      await box().press('Enter');
      await newest().getByText('prompt=red heart: big · seed=5').waitFor();
      expect(await box().inputValue()).toBe('');
    });

    test('by keyboard alone: list, fields, choices of the bot, what is wrong, send', async () => {
      await page.keyboard.type('/');
      const commands = page.getByRole('listbox', { name: 'Commands' }).getByRole('option');
      await commands.filter({ hasText: '/blend' }).waitFor();
      await page.keyboard.type('im');
      await expect.poll(() => commands.count()).toBe(1);
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await page.getByText('This option is required').waitFor();
      await page.keyboard.type(`${'x'.repeat(51)}`);
      await page.keyboard.press('Enter');
      await page.getByText('Use at most 50 characters, not 51').waitFor();
      await page.keyboard.press('Backspace');
      await page.keyboard.press('Tab');
      expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe('Add option seed');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await page.keyboard.type('water');
      await page.getByRole('option', { name: 'watercolour' }).waitFor();
      await page.keyboard.press('ArrowDown');
      await page.getByRole('option', { name: 'watercolour', selected: true }).waitFor();
      await page.keyboard.press('Enter');
      await expect
        .poll(() => page.evaluate(() => (document.activeElement as HTMLInputElement | null)?.value))
        .toBe('watercolour');
      await page.keyboard.press('Enter');
      await newest()
        .getByText(`${'x'.repeat(50)} · style=WATERCOLOUR`)
        .waitFor();
    });

    test('what the bot says late, to what was typed before, is not offered', async () => {
      const asked: AutocompleteInteraction[] = [];
      bot.removeAllListeners('interactionCreate');
      bot.on('interactionCreate', (it) => it.isAutocomplete() && asked.push(it));
      const offer = (name: string, to: number) => asked[to]!.respond([{ name, value: name }]);
      await page.keyboard.type('/im');
      await page.keyboard.press('Tab');
      await page.getByRole('button', { name: 'Add option style' }).click();
      await expect.poll(() => asked.length).toBe(1);
      await page.keyboard.type('w');
      await offer('woodcut', 0);
      await expect.poll(() => asked.length).toBe(2);
      expect(await page.getByRole('listbox').count()).toBe(0);
      await offer('watercolour', 1);
      const offered = page.getByRole('listbox').getByRole('option');
      await expect.poll(() => offered.allInnerTexts()).toEqual(['watercolour']);
      await page.keyboard.type('a');
      await expect.poll(() => asked.length).toBe(3);
      await page.keyboard.press('ArrowDown');
      await offer('watercolour', 2);
      await page.keyboard.press('Enter');
      await expect.poll(() => page.getByRole('combobox', { name: 'style' }).inputValue()).toBe('watercolour');
    });

    test('Escape leaves a command, first its list', async () => {
      await page.keyboard.type('/');
      await page.keyboard.press('Escape');
      expect(await page.getByRole('listbox').count()).toBe(0);
      await page.keyboard.type('blend');
      await page.keyboard.press('Enter');
      await page.getByRole('form', { name: '/blend' }).waitFor();
      await page.keyboard.press('Escape');
      await box().waitFor();
    });

    test('files go into attachment options by choosing and dropping, and into messages', async () => {
      await box().fill('/blend');
      await box().press('Enter');
      await page.getByLabel('image1').setInputFiles(await file('first.png'));
      await page.getByText('first.png').waitFor();
      const bytes = (await picture('gold')).toString('base64');
      await page.evaluate((data) => {
        const transfer = new DataTransfer();
        const binary = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
        transfer.items.add(new File([binary], 'second.png', { type: 'image/png' }));
        document.querySelector('.app')!.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true }));
      }, bytes);
      await page.getByText('second.png').waitFor();
      await page.getByRole('button', { name: 'Send command' }).click();
      await newest().getByText('image1=first.png · image2=second.png').waitFor();
      await page.getByLabel('Attach files').setInputFiles(await file('own.png'));
      await page.getByRole('button', { name: 'Remove own.png' }).waitFor();
      await page.getByRole('button', { name: 'Send message' }).click();
      await newest().getByRole('img', { name: 'own.png' }).waitFor();
    });

    test('a picture opens large, arrows show the others, Escape closes', async () => {
      discord.people.robin.command(await imagine('x'));
      await page.getByRole('img', { name: 'red picture' }).click();
      const viewer = page.getByRole('dialog', { name: 'Picture' });
      await viewer.getByText('red picture').waitFor();
      await page.keyboard.press('ArrowLeft');
      await viewer.getByText('navy picture').waitFor();
      await page.keyboard.press('Escape');
      await viewer.waitFor({ state: 'hidden' });
    });

    test('a picture too large to decode at once is offered as a file', async () => {
      const background = 'white';
      const huge = sharp({ create: { width: 10_000, height: 5_001, channels: 3, background } });
      const buffer = await huge.png({ compressionLevel: 1 }).toBuffer();
      const sent = { name: 'huge.png', mimeType: 'image/png', buffer };
      await page.getByLabel('Attach files').setInputFiles(sent);
      await page.getByRole('button', { name: 'Remove huge.png' }).waitFor();
      expect(await page.locator('img[src*="huge.png"]').count()).toBe(0);
      await page.getByRole('button', { name: 'Send message' }).click();
      await newest().getByRole('link', { name: 'huge.png' }).waitFor();
      await box().fill('/blend');
      await box().press('Enter');
      await page.getByLabel('image1').setInputFiles(sent);
      await page.locator('.file-field').getByText('huge.png').waitFor();
      expect(await page.locator('img[src*="huge.png"]').count()).toBe(0);
    });

    test('small lines stand each on its own, and an excerpt names who is mentioned', async () => {
      const original = await say('**red heart** · for <@1100000000000000101>\n-# without: blue\n-# seed 5');
      await newest().getByText('seed 5').waitFor();
      const [without, seed] = await newest().locator('small').all();
      expect((await seed!.boundingBox())!.y).toBeGreaterThan((await without!.boundingBox())!.y);
      const { channelId } = discord;
      await discord.people.kim.send({ channelId, content: 'nice', attachmentIds: [], replyTo: original });
      await newest().getByText('red heart · for @Robin without: blue seed 5').waitFor();
    });

    test('two people: what is for one only, reactions, and who may delete', async () => {
      const other = await open(desktop);
      await other.getByRole('combobox', { name: 'You are' }).selectOption({ label: 'Kim' });
      await box(other).waitFor();
      await box(other).fill('hello <img src=x onerror=alert(1)> [bad](javascript:alert(1)) **bold**');
      await box(other).press('Enter');
      await page.bringToFront();
      await newest().getByText('hello <img src=x onerror=alert(1)>').waitFor();
      expect(await newest().getByRole('link').count()).toBe(0);
      expect(await newest().getByRole('button', { name: 'Delete message' }).count()).toBe(0);

      await newest().hover();
      await newest().getByRole('button', { name: 'Add reaction' }).click();
      await page.getByRole('button', { name: 'game die' }).click();
      const reaction = { name: 'game die, 1 reaction' };
      await newest(other)
        .getByRole('button', { ...reaction, pressed: false })
        .waitFor();
      await newest()
        .getByRole('button', { ...reaction, pressed: true })
        .click();
      await newest(other).getByRole('button', reaction).waitFor({ state: 'detached' });

      await other.bringToFront();
      await newest(other).hover();
      await newest(other).getByRole('button', { name: 'Delete message' }).click();
      await page.bringToFront();
      discord.people.kim.command(await imagine('a pear'));
      await newest().getByText('prompt=a pear').waitFor();
      await newest().getByRole('button', { name: 'Delete', exact: true }).click();
      await newest().getByText('delete is not yours').waitFor();
      await newest(other).getByText('prompt=a pear').waitFor();
      await newest().getByRole('button', { name: 'Dismiss message' }).click();
      await newest().getByText('prompt=a pear').waitFor();
    });

    test('a bot that does not answer in three seconds is said to have failed', async () => {
      await box().fill('/slow ');
      await box().press('Enter');
      await page.getByText('Sending command…').waitFor();
      clock.advance(3_000);
      await page.getByText('The application did not respond').waitFor();
      await page.getByRole('button', { name: 'Dismiss message' }).click();
      expect(await page.getByText('The application did not respond').count()).toBe(0);
    });

    test('typing, presence, and a lost connection that comes back', async () => {
      await bot.rest.post(`/channels/${discord.channelId}/typing`);
      await page.getByText('unCLIP is typing…').waitFor();
      await bot.destroy();
      await page.getByText('unCLIP is offline').waitFor();
      const port = Number(new URL(discord.url).port);
      await discord.close();
      await page.getByText('Connection lost, trying again…').waitFor();
      discord = await startLocalDiscord({ clock, pageDir, port });
      await page.getByText('Connection lost, trying again…').waitFor({ state: 'detached' });
      complaints = complaints.filter((text) => !text.includes('ERR_CONNECTION_REFUSED'));
    });

    test('older messages stay in view while newer ones come', async () => {
      for (let i = 0; i < 30; i += 1) await say(`line ${i}`);
      await page.getByText('line 29').waitFor();
      await page.getByRole('log').evaluate((log) => {
        log.scrollTop = 0;
      });
      await page.getByRole('button', { name: 'Newest messages' }).waitFor();
      await say('something new');
      await page.getByRole('button', { name: '1 new message' }).click();
      await expect.poll(() => page.getByText('something new').isVisible()).toBe(true);
      await page
        .getByRole('button', { name: /message/ })
        .filter({ hasText: 'new' })
        .waitFor({ state: 'detached' });
    });

    test('nothing is found by axe, with all of it on show', async () => {
      await showAll();
      expect(await violations(page)).toEqual([]);
      await page.keyboard.type('/');
      await page.getByRole('listbox', { name: 'Commands' }).waitFor();
      expect(await violations(page)).toEqual([]);
      await page.keyboard.press('Enter');
      await page.keyboard.press('Enter');
      await page.getByText('This option is required').waitFor();
      await newest().hover();
      await newest().getByRole('button', { name: 'Add reaction' }).click();
      expect(await violations(page)).toEqual([]);
      await page.keyboard.press('Escape');
      await page.getByRole('img', { name: 'red picture' }).click();
      expect(await violations(page)).toEqual([]);
    });

    test('on a phone: by touch, nothing to scroll sideways, nothing found by axe', async () => {
      await showAll();
      const small = await open(phone);
      const width = () => small.evaluate(() => document.documentElement.scrollWidth);
      expect(await width()).toBe(360);
      await newest(small).getByRole('button', { name: 'Message actions' }).tap();
      await newest(small).getByRole('button', { name: 'Add reaction' }).tap();
      await small.getByRole('button', { name: 'rocket' }).tap();
      await newest(small).getByRole('button', { name: 'rocket, 1 reaction' }).waitFor();
      await box(small).fill('/');
      await small.getByRole('option', { name: '/imagine' }).tap();
      await small.getByLabel('prompt').fill('a boat');
      expect([await width(), await violations(small)]).toEqual([360, []]);
      await small.getByRole('button', { name: 'Send command' }).tap();
      await newest(small).getByText('prompt=a boat').waitFor();
      await small.getByRole('button', { name: 'Channels', exact: true }).tap();
      expect(await violations(small)).toEqual([]);
      await small.getByRole('button', { name: 'unCLIP APP' }).tap();
      await small.getByRole('heading', { name: 'unCLIP', level: 1 }).waitFor();
    });

    const say = (content: string) =>
      discord.people.kim.send({ channelId: discord.channelId, content, attachmentIds: [] });

    async function imagine(prompt: string) {
      const { commands } = discord.people.robin.channels()[0]!;
      const commandId = commands.find(({ name }) => name === 'imagine')!.id;
      return { channelId: discord.channelId, commandId, path: [], values: { prompt } };
    }

    /** One message of each kind that the page can show. */
    async function showAll(): Promise<void> {
      discord.people.robin.command(await imagine('x'));
      await newest().getByText('prompt=x').waitFor();
      await say(
        '# Title\n> quote ||spoiler|| `code` <@1100000000000000101>\n```\nblock\n```\n-# small https://example.org',
      );
      const send = (body: object) => bot.rest.post(`/channels/${discord.channelId}/messages`, { body });
      await send({
        embeds: [
          { title: 'Embed', description: 'text', color: 255, fields: [{ name: 'a', value: 'b', inline: true }] },
        ],
      });
      const menu = { type: 3, custom_id: 'menu', placeholder: 'Choose one', options: [{ label: 'one', value: '1' }] };
      const link = { type: 2, style: 5, label: 'Link', url: 'https://example.org' };
      const off = { type: 2, style: 2, custom_id: 'off', emoji: { name: '🎲' }, disabled: true };
      const styles = [1, 3].map((style) => ({ type: 2, style, custom_id: `style${style}`, label: `Style ${style}` }));
      const rows = [
        { type: 1, components: [menu] },
        { type: 1, components: [link, off, ...styles] },
      ];
      const section = {
        type: 9,
        components: [{ type: 10, content: '**Section**' }],
        accessory: { ...off, custom_id: 'beside' },
      };
      await send({
        flags: 1 << 15,
        components: [{ type: 17, accent_color: 0xff0000, components: [section, { type: 14 }, ...rows] }],
      });
      await page.getByRole('combobox', { name: 'Choose one' }).waitFor();
    }
  },
);
