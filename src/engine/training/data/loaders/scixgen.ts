import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { DOMParser, type Document, type Element, type Node } from '@xmldom/xmldom';
import type { LeaveOut } from '../collection.ts';
import { tidyText } from './clean-caption.ts';
import { firstThere, walk } from './folder.ts';
import type { Loader, ReadOptions, Sample } from './loader.ts';

const NAMESPACE = 'http://dlmf.nist.gov/LaTeXML';
const READABLE = ['.png', '.jpg', '.jpeg', '.gif', '.webp'];

/**
 * SciXGen, Chen, Takamura and Nakayama 2021: papers of arXiv as LaTeXML converts them. The authors pass on no pictures, so
 * those come from the papers' sources. The elements are those of LaTeXML's schema, https://math.nist.gov/~BMiller/LaTeXML.
 */
export const scixgen: Loader = {
  name: 'scixgen',
  title: 'SciXGen',
  layout: 'a folder for each paper with the source that arXiv has and the .xml that LaTeXML makes of it',
  captionsAre: 'sentences',
  licence:
    'SciXGen, H. Chen, H. Takamura and H. Nakayama, https://github.com/sairin1202/SciXGen: no licence is given; figures and ' +
    'captions belong to the authors of the papers, most of which may be read on arXiv but not be passed on ' +
    '(https://info.arxiv.org/help/license).',
  recognises: (dir) => hasPaper(dir, 3),
  read,
};

const FOLDERS_TO_TRY = 20;

/** Looks only as far as is needed to tell: there may be 200,000 papers. */
function hasPaper(dir: string, levels: number): boolean {
  const entries = readdirSync(dir, { withFileTypes: true });
  const xml = entries.find((entry) => entry.isFile() && extname(entry.name) === '.xml');
  if (xml) return readFileSync(join(dir, xml.name), 'utf8').includes(NAMESPACE);
  const folders = entries.filter((entry) => entry.isDirectory()).slice(0, FOLDERS_TO_TRY);
  return levels > 0 && folders.some((folder) => hasPaper(join(dir, folder.name), levels - 1));
}

async function* read(dir: string, { leaveOut }: ReadOptions): AsyncGenerator<Sample> {
  for await (const file of walk(dir)) {
    if (extname(file) !== '.xml') continue;
    const paper = await openPaper(dir, file, leaveOut);
    if (paper) yield* readFigures(dir, file, paper, leaveOut);
  }
}

async function openPaper(dir: string, file: string, leaveOut: LeaveOut): Promise<Document | undefined> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(join(dir, file)));
    const paper = new DOMParser({ onError: () => {} }).parseFromString(text, 'text/xml');
    if (paper.documentElement?.namespaceURI === NAMESPACE) return paper;
    leaveOut('a paper that is not LaTeXML', file);
  } catch (error) {
    const encoding = (error as NodeJS.ErrnoException).code === 'ERR_ENCODING_INVALID_ENCODED_DATA';
    leaveOut(encoding ? 'a paper that is not UTF-8' : 'a paper that is no XML, or was cut short', file);
  }
  return undefined;
}

function* readFigures(dir: string, file: string, paper: Document, leaveOut: LeaveOut): Generator<Sample> {
  const group = file.slice(0, -'.xml'.length);
  for (const figure of paper.getElementsByTagName('figure')) {
    const source = `${group}#${figure.getAttribute('xml:id') ?? ''}`;
    const graphics = [...figure.getElementsByTagName('graphics')].filter((it) => figureOf(it) === figure);
    const caption = tidyText(children(figure, 'caption').map(textOf).join(' '));
    if (graphics.length === 0) continue;
    if (caption === '') leaveOut('a figure without a caption', source);
    else if (graphics.length > 1) leaveOut('a figure of several pictures with one caption', source);
    else {
      const picture = pictureFile(dir, file, graphics[0]!);
      if (picture) yield { file: picture, captions: [caption], concept: source, group, source };
      else leaveOut('a figure without a PNG, JPEG, GIF or WebP file: convert what is PDF or PostScript', source);
    }
  }
}

/** The innermost figure that a picture is in: a panel has its own caption. */
function figureOf(node: Node): Node | null {
  let parent = node.parentNode;
  while (parent && parent.nodeName !== 'figure') parent = parent.parentNode;
  return parent;
}

const children = (element: Element, name: string) =>
  [...element.childNodes].filter((node): node is Element => node.nodeName === name);

/** Without the figure's number; formulas as they are in TeX. */
function textOf(node: Node): string {
  if (node.nodeName === 'tag') return '';
  if (node.nodeName === 'Math') return (node as Element).getAttribute('tex') ?? '';
  return node.hasChildNodes() ? [...node.childNodes].map(textOf).join('') : (node.nodeValue ?? '');
}

/** Beside the paper's file, or in a folder of its name: one of the candidates, or a converted one beside it. */
function pictureFile(dir: string, file: string, graphics: Element): string | undefined {
  const candidates = (graphics.getAttribute('candidates') || graphics.getAttribute('graphic') || '').split(',');
  const names = candidates.flatMap((name) => {
    const stem = name.slice(0, name.length - extname(name).length);
    const readable = READABLE.includes(extname(name).toLowerCase());
    return [...(readable ? [name] : []), ...[stem, name].flatMap((it) => READABLE.map((end) => it + end))];
  });
  const folders = [dirname(file), file.slice(0, -'.xml'.length)];
  return firstThere(
    dir,
    folders.flatMap((folder) => names.map((name) => join(folder, name))),
  );
}
