import { expect, test } from 'vitest';
import { modelCard, withReport } from '../../src/engine/training/model-card.ts';
import type { TrainedOn } from '../../src/engine/training/trained-on.ts';

const BUNDLED: TrainedOn = {
  attributed: true,
  set: { pictures: 9190, concepts: 1995, composed: 3000, heldOut: 444, styles: ['noto', 'flat'] },
};
const OWN: TrainedOn = {
  attributed: false,
  set: { pictures: 12, concepts: 11, composed: 0, heldOut: 1, styles: [], digest: 'a1' },
};
const history = (steps: number) => new Map([['prior', { steps, hours: 1, figures: { heldOut: 0.5 } }]] as const);

test('the header is what the Hub reads; a licence is named where the works are', () => {
  const own = modelCard(history(7), [OWN]);
  expect(own).toMatch(
    /^---\nlibrary_name: diffusers\npipeline_tag: text-to-image\ntags: \[unclip, kandinsky\]\n---\n# /,
  );
  expect(own).toMatch(/\| prior, .* \| 7 \| 1\.0 \| heldOut 0\.500 \|/);
  expect(own).toContain(
    '\nData: 12 pictures of 11 concepts with captions; 1 more were held out.\nNothing says yet whose',
  );
  expect(own).toContain('name it above, as `license: …`');
  const attributed = modelCard(history(7), [BUNDLED]);
  expect(attributed).toMatch(/\nlicense: other\nlicense_name: by-works\nlicense_link: ATTRIBUTION\.md\n---\n/);
  expect(attributed).toContain('9190 pictures of 1995 concepts with captions, and 3000 composed of them; 444 more');
  expect(attributed).not.toMatch(/Nothing says|name it above/);
});

test('of a model that began from another it tells what both were trained on, and asks for what is not known', () => {
  const card = modelCard(history(7), [BUNDLED, OWN]);
  expect(card).toContain('\n- before, by the model that it began from: 9190 pictures of 1995 concepts');
  expect(card).toContain('\n- since then: 12 pictures of 11 concepts');
  expect(card).toContain('The works that it has learned from, their authors and licences stand in ATTRIBUTION.md');
  expect(card).toMatch(
    /whose the pictures of its own data set are, .* write it into\nATTRIBUTION\.md in the data set's/,
  );
  expect(card).toContain('name it above, as `license: …`');
  expect(card).not.toContain('\nlicense:');
  expect(card).toContain('("red heart, noto style"): noto, flat.\n');

  const attributed = modelCard(history(7), [BUNDLED, { ...OWN, attributed: true }]);
  expect(attributed).toContain('\nlicense: other\n');
  expect(attributed).not.toMatch(/Nothing says|name it above/);
  const unknown = modelCard(history(7), [{ attributed: false }, OWN]);
  expect(unknown).toContain('pictures that are not known: the model that it began from does not say');
  expect(unknown).toContain('the pictures of the model that it began from and of its own data set are');
});

test('what the encoder of pictures alone has learned from is told apart, and its styles can’t be asked for', () => {
  const glyphs: TrainedOn = {
    ...{ attributed: true, learnedBy: 'image encoder' },
    set: { pictures: 6400, concepts: 1359, composed: 0, heldOut: 100, styles: ['glyph'] },
  };
  const card = modelCard(history(7), [glyphs, BUNDLED]);
  expect(card).toContain('\nData: 9190 pictures of 1995 concepts');
  expect(card).toContain("\nCLIP's encoder of pictures alone has learned from 6400 pictures of 1359 concepts");
  expect(card).toContain('("red heart, noto style"): noto, flat.\n');
  expect(card).toContain('\nlicense: other\n');
  const unknown = modelCard(history(7), [BUNDLED, { ...glyphs, attributed: false }, OWN]);
  expect(unknown).toContain('- since then: 12 pictures of 11 concepts with captions; 1 more were held out.\n\nCLIP');
  expect(unknown).toContain('Nothing says yet whose the pictures of its own data set are, and');
  expect(unknown).toContain("whose the pictures are that CLIP's encoder of pictures alone has learned from: write it");
});

test('it names the styles that there are', () => {
  expect(modelCard(history(7), [BUNDLED])).toContain('("red heart, noto style"): noto, flat.\n');
  expect(modelCard(history(7), [OWN])).not.toContain('Styles');
});

test('what somebody wrote into a card stays when the model is exported again', () => {
  const card = modelCard(history(7), [OWN]);
  const edited = `${card.replace('tags:', 'license: cc0-1.0\ntags:')}\n## Thanks\nTo all who drew.\n`;
  const again = modelCard(history(8), [OWN], edited);
  expect(again).toBe(edited.replace('| 7 |', '| 8 |').replace(/Under which licence .*\n/, ''));
  const foreign = modelCard(history(8), [OWN], '# My emoji\n');
  expect(foreign).toMatch(/\| 8 \|.*stays\. -->\n\n# My emoji\n$/s);
});

test('a report takes the place of the one before, and is gone when other weights are exported', () => {
  const card = `${modelCard(history(7), [OWN])}\nTo all who drew.\n`;
  const first = withReport(card, '| prompt_top1 | 63 % |\n');
  expect(first).toBe(card.replace(/Not measured yet.*/, '| prompt_top1 | 63 % |'));
  expect(withReport(first, '| prompt_top1 | 64 % |\n')).toBe(first.replace('63', '64'));
  expect(modelCard(history(8), [OWN], first)).toBe(modelCard(history(8), [OWN], card));

  const foreign = '---\nlicense: mit\n---\n# My emoji\n\n## Report\nOf mine.\n';
  const report = /^---\nlicense: mit\n---\n## Report\n63 %\n\n<!-- Down to here .* -->\n/;
  expect(withReport(foreign, '63 %\n')).toMatch(report);
  expect(withReport(foreign, '63 %\n').replace(report, '')).toBe('\n# My emoji\n\n## Report\nOf mine.\n');
});
