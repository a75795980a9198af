import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { trainedSteps } from '../../src/engine/training/checkpoint.ts';
import { isSetUp } from '../../src/engine/training/setup/setup.ts';

const READY = isSetUp('cpu') || isSetUp('gpu');
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unclip-walk-'));
  const folder = join(dir, 'our-emoji');
  await mkdir(folder);
  const colours = { 'red square': '#e02020', 'green square': '#20a040', 'blue square': '#2040e0' };
  const lines = Object.entries(colours).map(async ([text, background], i) => {
    await sharp({ create: { width: 64, height: 64, channels: 3, background } }).toFile(join(folder, `${i}.png`));
    return JSON.stringify({ file_name: `${i}.png`, text });
  });
  await writeFile(join(folder, 'metadata.jsonl'), (await Promise.all(lines)).join('\n'));
});
afterAll(() => rm(dir, { recursive: true }));

/** The commands of a document's shell blocks, as lists of words. */
function commandsOf(markdown: string): string[][] {
  const blocks = [...markdown.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block]) => block!);
  const lines = blocks.flatMap((block) => block.trim().split('\n'));
  return lines.map((line) =>
    [...line.replace(/\s+#.*/, '').matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word),
  );
}

test.skipIf(!READY)(
  `docs/train-your-own.md, command by command${READY ? '' : ' (skipped: needs npm run train -- setup)'}`,
  { timeout: 300_000 },
  async () => {
    const commands = commandsOf(await readFile(join(ROOT, 'docs', 'train-your-own.md'), 'utf8'));
    expect(commands.map((words) => words.slice(0, 3).join(' '))).toContain('npm run train');
    for (const [npm, runs, command, dashes, ...words] of commands) {
      expect([npm, runs, dashes]).toEqual(['npm', 'run', '--']);
      const args = words.map((word, i) => {
        if (words[i - 1] === '--minutes') return '0.05';
        return word.startsWith('models/emoji-') ? join(ROOT, word) : word;
      });
      await run(process.execPath, [join(ROOT, 'bin', 'unclip.mjs'), command!, ...args], { cwd: dir });
    }
    const card = await readFile(join(dir, 'models', 'ours', 'README.md'), 'utf8');
    expect(card).toContain('3 pictures of 3 concepts');
    for (const part of ['prior', 'decoder'] as const)
      expect(await trainedSteps(join(dir, 'runs', 'ours'), part), part).toBeGreaterThan(0);
  },
);
