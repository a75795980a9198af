import type { Dataset } from '../../training/data/dataset.ts';
import { indicesOf } from '../../training/tasks/pictures.ts';
import type { Bench, Opinion } from './bench.ts';
import type { Figure, OfReal } from './figures.ts';
import { countRight } from './new-drawings.ts';
import type { Question } from './questions.ts';

/** A question, what the model drew for it, and what the judge says of that. */
export interface Answer {
  readonly question: Question;
  /** 128 × 128 RGBA bytes. */
  readonly picture: Uint8Array;
  readonly opinion: Opinion;
  readonly isRight: boolean;
}

/**
 * Draws questions.
 * @param onProgress  called with the number of pictures done
 * @returns 128 × 128 RGBA bytes each
 */
export type DrawQuestions = (
  questions: readonly Pick<Question, 'prompt' | 'seed'>[],
  onProgress: (done: number) => void,
) => Promise<Uint8Array[]>;

export async function answer(
  draw: DrawQuestions,
  bench: Bench,
  questions: readonly Question[],
  onProgress: (done: number, total: number) => void,
): Promise<Answer[]> {
  const pictures = await draw(questions, (done) => onProgress(done, questions.length));
  const opinions = await bench.judge(pictures);
  return questions.map((question, i) => {
    const opinion = opinions[i]!;
    return { question, picture: pictures[i]!, opinion, isRight: isRight(question, opinion) };
  });
}

const isRight = ({ concepts, style }: Omit<Question, 'prompt' | 'seed'>, opinion: Opinion) =>
  concepts.includes(opinion.concept) && (style === undefined || opinion.style === style);

/** The share of right answers. @param ofReal  the judge's own score on real pictures, asked the same */
export function shareOf(answers: readonly Answer[], ofReal: OfReal | undefined): Figure {
  if (answers.length === 0) return { value: null, reason: 'the data set has nothing to ask for' };
  const right = answers.filter(({ isRight }) => isRight).length;
  const prompts = new Set(answers.map(({ question }) => question.prompt)).size;
  const note = `${right} of ${answers.length} pictures, of ${prompts} ${prompts === 1 ? 'prompt' : 'prompts'}`;
  return { value: right / answers.length, note, ...(ofReal !== undefined && { ofReal }) };
}

/** The judge's own score on the real pictures of held-out pairs; undefined where there are none. */
export async function judgeReal(
  bench: Bench,
  dataset: Dataset,
): Promise<{ concept: OfReal; both: OfReal } | undefined> {
  const shown = indicesOf(dataset, 'held-out-pair').flatMap((index) => {
    const { concept, style } = dataset.records[index]!;
    const { name } = dataset.concepts.get(concept)!;
    return bench.known.has(name) ? [{ index, concepts: [name], style }] : [];
  });
  if (shown.length === 0) return undefined;
  const opinions = await bench.judge(shown.map(({ index }) => dataset.read(index)));
  const share = (ask: (question: (typeof shown)[number]) => Parameters<typeof isRight>[0]): OfReal => {
    const found = new Map(shown.map((question, i) => [question.index, isRight(ask(question), opinions[i]!)]));
    const { right, all, ofNew } = countRight(dataset, found);
    return { share: right / all, ...(ofNew && { ofNew }) };
  };
  return { concept: share(({ concepts }) => ({ concepts })), both: share((question) => question) };
}
