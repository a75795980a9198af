import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { data } from '../../src/cli/data.ts';
import { DEFAULT_STYLES, PICTURE_SOURCES } from '../../src/engine/training/data/sources.ts';
import { InputError } from '../../src/errors.ts';
import { writeTinyDataset } from '../report/tiny-dataset.ts';

const COCO = join(import.meta.dirname, '..', 'training', 'fixtures', 'coco');

let dir: string;
const path = (...names: string[]) => join(dir, ...names);
let said: string[];
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unclip-cli-data-'));
  said = [];
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  vi.spyOn(console, 'error').mockImplementation((line) => said.push(line));
  await cp(COCO, path('coco'), { recursive: true });
  await mkdir(path('coco', 'val2017'));
  const picture = sharp({ create: { width: 32, height: 32, channels: 3, background: 'teal' } });
  await picture.toFile(path('coco', 'val2017', '000000000139.jpg'));
});
afterAll(async () => {
  vi.restoreAllMocks();
  await rm(dir, { recursive: true });
});

const run = (...args: string[]) => data.parseAsync(args, { from: 'user' });

test('a published data set becomes ours: what was left out and what must be kept with it is said', async () => {
  await run('--from', path('coco'), '--out', path('out'));
  expect(said.at(0)).toMatch(/\(MS-COCO\); captions first, which takes minutes where there are millions …$/);
  expect(said).toContain('left out 1: a file name that leads out of the folder (../secret.jpg)');
  expect(said.at(-1)).toContain(`1 pictures of 1 concepts, 0 of them held out, in ${path('out')}; look at`);
  expect(await readFile(path('out', 'ATTRIBUTION.md'), 'utf8')).toContain('captions CC BY 4.0');
  const reasons = JSON.parse(await readFile(path('out', 'left-out.json'), 'utf8'));
  expect(reasons[0]).toMatchObject({ reason: 'the file is missing', count: 4 });
});

test('what people have written into ATTRIBUTION.md stays when the set is built again', async () => {
  const file = path('attributed', 'ATTRIBUTION.md');
  await mkdir(path('attributed'));
  await writeFile(file, 'Photographs, by me\n');
  for (const _ of ['once', 'called again']) await run('--from', path('coco'), '--out', path('attributed'));
  expect(await readFile(file, 'utf8')).toMatch(/^# Attribution\n.*captions CC BY 4\.0.*-->\n\nPhotographs, by me\n$/s);
});

test('the help says which styles are left out unless they are asked for', () => {
  const others = PICTURE_SOURCES.filter(({ style }) => !DEFAULT_STYLES.includes(style)).map(
    ({ style }) => `"${style}"`,
  );
  expect(data.helpInformation().replaceAll(/\s+/g, ' ')).toContain(`(default: all but ${others.join(', ')},`);
});

test('a data set never takes the place of one that is made from something else, nor of what is none', async () => {
  const ours = path('ours');
  await mkdir(ours);
  await writeFile(join(ours, 'metadata.jsonl'), '{"file_name": "square.png", "text": "a square"}\n');
  await run('--from', path('coco'), '--out', path('of coco'));
  // from before sets told it
  await writeTinyDataset(path('emoji'), [{ name: 'red' }], [{ concept: 'red', style: 'noto', split: 'train' }]);
  const refuse = async (out: string, message: string, ...options: string[]) => {
    const before = await readFile(path(out, 'metadata.jsonl'));
    const running = run(...options, '--out', path(out));
    await expect(running).rejects.toThrow(`--out ${path(out)} holds ${message}`);
    await expect(running).rejects.toThrow(InputError);
    expect(await readFile(path(out, 'metadata.jsonl'))).toEqual(before);
  };
  const ofCoco = `a data set made from ${await realpath(path('coco'))}, and would lose it`;
  await refuse('of coco', ofCoco, '--from', ours);
  await refuse('of coco', ofCoco);
  await refuse('emoji', "a data set made from the bundled model's emoji and icons", '--from', path('coco'));
  await refuse('emoji', "a data set made from the bundled model's emoji and icons", '--glyphs');
  await refuse('ours', "a metadata.jsonl that is no data set's", '--from', path('coco'));
});

test('it takes the place of one that is made from the same, also where both have moved, or it did not tell then', async () => {
  await run('--from', path('coco'), '--out', path('before', 'set'));
  await cp(path('coco'), path('after', 'coco'), { recursive: true });
  await cp(path('before', 'set'), path('after', 'before', 'set'), { recursive: true });
  const again = () => run('--from', path('after', 'coco'), '--out', path('after', 'before', 'set'));
  await again();
  await rm(path('after', 'before', 'set', 'pictures.rgba'));
  await again();
  await writeFile(path('after', 'before', 'set', 'made-from.json'), '');
  await again();
  await rm(path('after', 'before', 'set', 'made-from.json'));
  await again();
  await symlink(path('after'), path('linked'));
  await run('--from', path('linked', 'coco'), '--out', path('linked', 'before', 'set'));
  await run('--from', path('after', 'coco'), '--out', path('linked', 'before', 'set'));
});

test('how many compositions there are is said, and why where there are none', async () => {
  const emoji = async (...names: string[]) => {
    await mkdir(path('emoji'), { recursive: true });
    const colours = ['red', 'green', 'blue'];
    for (const [i, name] of names.entries())
      await sharp({ create: { width: 32, height: 32, channels: 3, background: colours[i]! } })
        .png()
        .toFile(path('emoji', `${name}.png`));
    const files = [...names.map((name) => `${name}.png`), '../secret.png'];
    const lines = files.map((file) => JSON.stringify({ file_name: file, text: basename(file, '.png') }));
    await writeFile(path('emoji', 'metadata.jsonl'), lines.join('\n'));
    await run('--from', path('emoji'), '--out', path('composed'), '--learn-all', '--compositions', '50');
  };
  await emoji('PepeHands', 'party_parrot', 'kekw2');
  expect(said).toContain('50 compositions of them');
  expect(said).toContain(`reading ${path('emoji')} (Hugging Face's imagefolder) …`);
  expect(vi.mocked(process.stderr.write).mock.calls.join()).toMatch(/drawing .* 3 of 3/);
  await emoji('a name of more words than three', 'LUL');
  expect(said.at(-2)).toMatch(/^0 compositions of them: .* found 1$/);
});

test.each([['--style', 'noto'], ['--skin-tones']])(
  "%s says nothing of one's own pictures, and is refused",
  async (...option) => {
    const running = run('--from', path('coco'), '--out', path('styled'), ...option);
    await expect(running).rejects.toThrow(/--style and --skin-tones choose among the bundled model's pictures/);
    expect(await readdir(dir)).not.toContain('styled');
  },
);

test('where no data set can be written is said before the work', async () => {
  await writeFile(path('file'), '');
  const into = (out: string) => run('--from', path('coco'), '--out', out);
  await expect(into(path('file'))).rejects.toThrow(`--out ${path('file')}: expected a folder, found a file`);
  // where no folder can be made, mkdir with `recursive` would never end
  await expect(into('/proc/nobody/out')).rejects.toThrow("--out /proc/nobody/out: this folder can't be made");
  await expect(into('/proc')).rejects.toThrow('--out /proc: nothing can be written there');
  await expect(run('--from', path('nowhere'), '--out', path('new', 'out'))).rejects.toThrow('nowhere is no folder');
  expect(await readdir(dir)).not.toContain('new');
});

test('a folder of pictures is never written over, nor into', async () => {
  const before = await readdir(path('coco'));
  for (const out of [path('coco'), path('coco', 'out'), path('coco', 'val2017', '..', 'out', 'new')]) {
    const running = run('--from', path('coco'), '--out', out);
    await expect(running).rejects.toThrow(`--out ${out} is in ${path('coco')}, the folder of the pictures`);
    await expect(running).rejects.toThrow(InputError);
  }
  expect(await readdir(path('coco'))).toEqual(before);
});
