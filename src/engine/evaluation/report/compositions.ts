import { InputError } from '../../../errors.ts';
import { groupBy } from '../../group-by.ts';
import { openModel } from '../../pipeline/open-model.ts';
import { openJudge } from '../../runtime/networks/judge.ts';
import type { RuntimeOptions } from '../../runtime/runtime.ts';
import { compositionsOf } from '../../training/data/compose/composed-set.ts';
import { type Composition, HELD_OUT_KINDS, type Shown, SIDES } from '../../training/data/compose/compositions.ts';
import { pictureFrom } from '../../training/data/compose/layers.ts';
import { Dataset } from '../../training/data/dataset.ts';
import { indicesOf } from '../../training/tasks/pictures.ts';
import { type Bench, describeKnown, openBench } from './bench.ts';
import { edgeColour, overallHue } from './colours-seen.ts';
import { drawnBy } from './draw-questions.ts';
import { cutOut } from './pictures.ts';

export interface CompositionsOptions {
  readonly model: string;
  readonly data: string;
  readonly judge: string;
  readonly runtime: RuntimeOptions;
  readonly onProgress: (stage: string, done: number, total: number) => void;
}

/** How much of what was asked for is found; shares of 1. */
export interface Found {
  /** Of the things, by the judge; of two each. */
  readonly things: number;
  /** Of the colours; undefined where none is asked for. */
  readonly colour: number | undefined;
  /** Of the pictures, in which all is found. */
  readonly all: number;
}

/** What becomes of one kind of composition; or why nothing is known of it. */
type CompositionRow = { readonly kind: Shown['kind'] } & ({ readonly reason: string } | KindFigures);

interface KindFigures {
  /** How many were asked for. */
  readonly count: number;
  /** In what the model draws of their captions. */
  readonly drawn: Found;
  /** In the compositions themselves. */
  readonly ofReal: Found;
}

export interface ComposedReport {
  /** Of each kind one. */
  readonly rows: readonly CompositionRow[];
  /** Of how many names the things can be. */
  readonly known: string;
}

/** Of each kind. */
const ASKED = 60;
/** So many hold enough of each kind. */
const COMPOSED = 1500;

type Asked = Composition & { readonly shows: Shown };

/**
 * Does a model draw what it has seen apart, and never together? The first held-out compositions of each kind, of things that
 * the judge knows, are asked for by their usual caption, seed 0.
 * @throws InputError for a folder that is no model, no data set, no judge, or a set of which nothing can be composed
 */
export async function judgeCompositions(options: CompositionsOptions): Promise<ComposedReport> {
  const { onProgress, runtime } = options;
  const judge = await openJudge(options.judge, runtime);
  const dataset = new Dataset(options.data);
  const model = await openModel(options.model, runtime);
  try {
    const training = indicesOf(dataset, 'train').length;
    const bench = await openBench(judge, dataset, (done) => onProgress('judge', done, training));
    const kinds = askedOf(dataset, bench);
    if (kinds.size === 0)
      throw new InputError(`${options.data}: nothing can be composed of things that the judge ${options.judge} knows`);
    const draw = drawnBy(model);
    const rows: CompositionRow[] = [];
    for (const kind of HELD_OUT_KINDS) {
      const asked = kinds.get(kind);
      if (!asked) {
        rows.push({ kind, reason: `none among ${COMPOSED} held-out compositions is of names that the judge knows` });
        continue;
      }
      const questions = asked.map(({ captions }) => ({ prompt: captions[0], seed: 0 }));
      const drawn = await draw(questions, (done) => onProgress(kind, done, questions.length));
      const real = asked.map((composition) => pictureFrom(composition.draw()));
      rows.push({
        kind,
        count: asked.length,
        drawn: await findIn(drawn, asked, bench),
        ofReal: await findIn(real, asked, bench),
      });
    }
    return { rows, known: describeKnown(bench, dataset) };
  } finally {
    dataset.close();
    await Promise.all([judge.close(), model.close()]);
  }
}

/** By kind. */
function askedOf(dataset: Dataset, { known }: Bench): Map<Shown['kind'], readonly Asked[]> {
  const usable = compositionsOf(dataset, { count: COMPOSED, seed: 0, heldOut: true }).filter(
    (composition): composition is Asked => composition.shows?.things.every(({ name }) => known.has(name)) ?? false,
  );
  const kinds = groupBy(usable, ({ shows }) => shows.kind);
  return new Map([...kinds].map(([kind, asked]) => [kind, asked.slice(0, ASKED)]));
}

async function findIn(pictures: readonly Uint8Array[], asked: readonly Asked[], bench: Bench): Promise<Found> {
  const things = asked.flatMap(({ shows }, i) =>
    shows.things.map(({ name, side }) => ({
      i,
      name,
      picture: side ? cutOut(pictures[i]!, SIDES[side]) : pictures[i]!,
    })),
  );
  const opinions = await bench.judge(things.map(({ picture }) => picture));
  const isFound = things.map(({ name }, k) => opinions[k]!.concept === name);
  const missed = new Set(things.flatMap(({ i }, k) => (isFound[k] ? [] : [i])));
  const isColoured = asked.map(({ shows }, i) => colourIn(pictures[i]!, shows) === shows.colour);
  return {
    things: shareOfTrue(isFound),
    colour: asked[0]!.shows.colour === undefined ? undefined : shareOfTrue(isColoured),
    all: shareOfTrue(isColoured.map((isRight, i) => isRight && !missed.has(i))),
  };
}

const shareOfTrue = (answers: readonly boolean[]) => answers.filter(Boolean).length / answers.length;

/** The colour word that is nearest to what is seen where one was asked for. */
function colourIn(picture: Uint8Array, { kind, colour }: Shown): string | undefined {
  if (colour === undefined) return undefined;
  return kind === 'thing on a background' ? edgeColour(picture) : overallHue(picture);
}
