import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeRandomArPrior } from '../pipeline/random-ar-prior.ts';
import { writeRandomJudge } from '../report/random-judge.ts';
import { writeTinyDataset } from '../report/tiny-dataset.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/unclip.mjs', import.meta.url));
const MODEL = fileURLToPath(new URL('../golden/kandinsky-tiny', import.meta.url));

interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function train(...args: string[]): Promise<Finished> {
  return new Promise((resolve) => {
    execFile(process.execPath, [PROGRAM, 'train', ...args], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

let folder: string;
const path = (...names: string[]) => join(folder, ...names);
const report = (...args: string[]) =>
  train('report', '--model', path('model'), '--data', path('data'), '--runs', path('runs'), ...args);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'unclip-report-'));
  await cp(MODEL, path('model'), { recursive: true });
  const once = { steps: 1, guidanceScale: 1, priorSteps: 1, priorGuidanceScale: 1 };
  await writeFile(path('model', 'unclip.json'), JSON.stringify(once));
  await writeRandomArPrior(path('model', 'prior-model'), { embedding_dim: 32, num_embeddings: 32 });
  await writeTinyDataset(
    path('data'),
    [{ name: 'red' }, { name: 'green' }],
    [
      { concept: 'red', style: 'flat', split: 'train' },
      { concept: 'green', style: 'flat', split: 'train' },
      { concept: 'red', style: 'striped', split: 'held-out-pair' },
    ],
  );
  await writeRandomJudge(path('runs', 'judge'), ['red', 'green'], ['flat', 'striped']);
});
afterAll(() => rm(folder, { recursive: true }));

describe('report', { timeout: 60_000 }, () => {
  it('prints seven figures and nothing else with --json, the table on stderr, and keeps what was drawn', async () => {
    const only = ['movq_psnr', 'clip_pair_top1', 'prompt_top1', 'pair_top1', 'hyponym_top1', 'weights_mb'];
    const { code, stdout, stderr } = await report('--only', ...only, '--out', path('drawn'), '--json');
    expect(code, stderr).toBe(0);
    const figures = JSON.parse(stdout);
    expect(Object.keys(figures)).toEqual([...only.slice(0, 5), 'step_vs_torch', 'weights_mb']);
    expect(figures).toMatchObject({ hyponym_top1: null, step_vs_torch: null });
    for (const name of ['clip_pair_top1', 'prompt_top1', 'pair_top1']) {
      expect(figures[name]).toBeGreaterThanOrEqual(0);
      expect(figures[name]).toBeLessThanOrEqual(1);
    }
    expect(stderr).toContain('the data set has nothing to ask for');
    expect(stderr).toContain('the judge of real held-out pictures');

    const said = (await readFile(path('drawn', 'prompt_top1.jsonl'), 'utf8')).trim().split('\n');
    expect(said).toHaveLength(2 * 4);
    const right = said.filter((line) => JSON.parse(line).right).length;
    expect(figures.prompt_top1).toBe(right / 8);
    expect((await sharp(path('drawn', 'prompt_top1.png')).metadata()).format).toBe('png');
  });

  it('writes what it measured into the card of the model, and leaves what people wrote there', async () => {
    await writeFile(path('model', 'README.md'), 'Drawn by us.\n');
    const first = await report('--card', '--only', 'movq_psnr', 'prompt_top1', 'weights_mb');
    expect(first.code, first.stderr).toBe(0);
    expect(first.stderr).toContain(`the figures are in ${path('model', 'README.md')}\n`);
    const card = await readFile(path('model', 'README.md'), 'utf8');
    expect(card).toContain('on 2 pictures of 2 concepts with captions; 1 more were held out.');
    expect(card).toMatch(
      /^\| `movq_psnr` \| .* \| [\d.-]+ dB \| {2}\| 1 pictures; [\d.-]+ dB without what is empty around the thing \|$/m,
    );
    expect(card).toMatch(
      /^\| `prompt_top1` \| .* \| [\d.]+ % \| [\d.]+ % \| \d of 8 pictures, of 2 prompts; .*2 names \|$/m,
    );
    expect(card).not.toContain('weights_mb');
    expect(card).toMatch(/stays\. -->\n\nDrawn by us\.\n$/);

    const nothing = await report('--card', '--only', 'weights_mb');
    expect([nothing.code, nothing.stderr]).toEqual([
      2,
      expect.stringContaining('README.md is as it was: of movq_psnr,'),
    ]);
    expect(await readFile(path('model', 'README.md'), 'utf8')).toBe(card);
    await report('--card', '--only', 'movq_psnr');
    const again = await readFile(path('model', 'README.md'), 'utf8');
    expect(again).toBe(card.replace(/\| `prompt_top1`.*\n/, ''));
    const { stdout } = await report('--card', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ movq_psnr: expect.any(Number), step_vs_torch: null, weights_mb: null });
  });

  it('tells of how many of the names a judge knows it is', async () => {
    await writeRandomJudge(path('other-judge'), ['red', 'ultraviolet'], ['flat', 'striped']);
    const { stdout, stderr } = await report('--only', 'prompt_top1', '--judge', path('other-judge'));
    expect(stdout, stderr).toMatch(/names of concepts, 4 pictures each/);
    expect(stdout).toMatch(/of 4 pictures, of 1 prompt; the judge knows 1 of the data set's 2 names/);
    await writeRandomJudge(path('strange-judge'), ['ultraviolet', 'infrared'], ['flat', 'striped']);
    const strange = await report('--only', 'prompt_top1', '--judge', path('strange-judge'), '--json');
    expect(JSON.parse(strange.stdout).prompt_top1).toBeNull();
    expect(strange.stderr).toContain("strange-judge knows none of the data set's names");
  });

  it('compares the ways from text to embedding, also by what the judge sees', async () => {
    const { code, stdout, stderr } = await report('--priors', '--only', 'pair_top1', '--json');
    expect(code, stderr).toBe(0);
    const compared = JSON.parse(stdout);
    expect(Object.keys(compared)).toEqual(['none', 'ar', 'ar, best of 2', 'diffusion', 'diffusion, best of 2']);
    for (const figures of Object.values<Record<string, number>>(compared)) {
      expect(Object.keys(figures)).toEqual(['cosine', 'centred', 'found', 'seconds', 'pair_top1']);
      expect(Math.abs(figures.cosine!)).toBeLessThanOrEqual(1);
      expect(figures.found).toBe(1); // of one picture
    }
    expect(stderr).toMatch(/^diffusion, best of 2 .*%/m);
  });

  it('says which priors a model lacks', async () => {
    const { stdout, stderr } = await report('--priors', '--model', MODEL, '--json');
    expect(JSON.parse(stdout)).toMatchObject({ none: { found: 1 }, ar: null, diffusion: { found: 1 } });
    expect(stderr).toContain('this model has no autoregressive prior');
  });

  it('finds what is composed, in what is drawn and in the compositions themselves', async () => {
    const fruit = ['apple', 'pear', 'plum', 'fig'];
    const pictures = fruit.map((concept) => ({ concept, style: 'flat', split: 'train' as const }));
    await writeTinyDataset(
      path('fruit'),
      fruit.map((name) => ({ name })),
      pictures,
    );
    await writeRandomJudge(path('fruit-judge'), fruit, ['flat', 'striped']);
    const of = ['--compositions', '--data', path('fruit'), '--judge', path('fruit-judge')];
    const { code, stdout, stderr } = await report(...of, '--json');
    expect(code, stderr).toBe(0);
    const kinds = JSON.parse(stdout);
    expect(Object.keys(kinds).sort()).toEqual(['thing in a colour', 'thing on a background', 'two things']);
    for (const { count, drawn, ofReal } of Object.values<Record<string, Record<string, number>>>(kinds)) {
      expect(count).toBe(60);
      for (const found of [drawn!, ofReal!]) expect(found.all).toBeLessThanOrEqual(Math.min(1, found.colour ?? 1));
    }
    expect(kinds['thing in a colour'].ofReal.colour).toBe(1);
    expect(kinds['two things'].drawn).not.toHaveProperty('colour');
    expect(stderr).toMatch(/^thing on a background +60 /m);
    expect(stderr).toContain("the judge knows 4 of the data set's 4 names");

    await writeRandomJudge(path('pear-judge'), ['pear', 'ultraviolet'], ['flat', 'striped']);
    const one = await report(...of.slice(0, -1), path('pear-judge'), '--json');
    expect(JSON.parse(one.stdout)).toMatchObject({
      'thing in a colour': { count: expect.any(Number) },
      'two things': null,
    });
    expect(one.stderr).toMatch(/^two things +– +– +– +–$/m);
    expect(one.stderr).toContain('two things: none among 1500 held-out compositions is of names that the judge knows');
    expect(one.stderr).toContain("the judge knows 1 of the data set's 4 names");
  });

  it('says why nothing composed can be judged', async () => {
    await writeRandomJudge(path('stranger'), ['ultraviolet', 'infrared'], ['flat', 'striped']);
    const stranger = await report('--compositions', '--judge', path('stranger'));
    expect(stranger.code).toBe(2);
    expect(stranger.stderr).toContain(
      `error: ${path('data')}: nothing can be composed of things that the judge ${path('stranger')} knows`,
    );
    const both = await report('--compositions', '--only', 'pair_top1');
    expect(both.stderr).toContain("option '--compositions' cannot be used with option '--only <figure...>'");
  });

  it('says where a judge or a data set comes from', async () => {
    const without = await report('--judge', path('nowhere'));
    expect(without.code).toBe(2);
    expect(without.stderr).toBe(`error: there is no judge in ${path('nowhere')}: npm run train -- judge\n`);
    const empty = await report('--priors', '--only', 'pair_top1', '--judge', path('data'));
    expect(empty.stderr).toBe(`error: there is no judge in ${path('data')}: npm run train -- judge\n`);
    const { code, stderr } = await report('--data', path('nowhere'));
    expect(code).toBe(2);
    expect(stderr).toContain('npm run data');
    const weights = await report('--data', path('nowhere'), '--only', 'weights_mb', '--json');
    expect(JSON.parse(weights.stdout).weights_mb, weights.stderr).toBeGreaterThan(0);
  });
});

describe('sheet', { timeout: 60_000 }, () => {
  it('draws 64 prompts, two pictures each, and names them row by row', async () => {
    const { code, stderr } = await train('sheet', '--model', path('model'), '--out', path('sheet.png'));
    expect(code, stderr).toBe(0);
    expect(await sharp(path('sheet.png')).metadata()).toMatchObject({ width: 16 * 128, height: 8 * 128 });
    expect(stderr).toContain('row 8: ');
  });

  it('says before it draws that a folder is no file', async () => {
    const { code, stderr } = await train('sheet', '--model', path('nowhere'), '--out', path('model'));
    expect([code, stderr]).toEqual([2, `error: --out ${path('model')}: expected a file for the PNG, found a folder\n`]);
  });
});

it('refuses to begin a training anew that shall resume', async () => {
  const { code, stderr } = await train('clip', '--resume', '--runs', path('nowhere'));
  expect(code).toBe(2);
  expect(stderr).toContain(`${path('nowhere')}: there is no checkpoint to resume from`);
  expect(existsSync(path('nowhere'))).toBe(false);
});
