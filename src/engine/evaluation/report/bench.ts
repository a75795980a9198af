import { tensorFromPicture } from '../../images/picture-tensor.ts';
import type { Judge } from '../../runtime/networks/judge.ts';
import { concatRows, rows, type Tensor } from '../../tensor.ts';
import { conceptNames } from '../../training/data/compose/composed-set.ts';
import type { Dataset } from '../../training/data/dataset.ts';
import { indicesOf, onWhite } from '../../training/tasks/pictures.ts';
import { largest, products, unitRows } from '../../vectors.ts';

/** What the judge says of a picture. */
export interface Opinion {
  /** The name that it ranks first. */
  readonly concept: string;
  /** The style of the training picture whose style is most like this one's. */
  readonly style: string;
}

/** The judge, who has seen all training pictures. */
export interface Bench {
  /** Names of the data set's concepts that it tells apart. */
  readonly known: ReadonlySet<string>;
  /** @param pictures  128 × 128 RGBA bytes each */
  judge(pictures: readonly Uint8Array[]): Promise<Opinion[]>;
}

/** With how many of the data set's names the judge can be asked for: of one's own pictures it may be few. */
export const describeKnown = ({ known }: Bench, dataset: Dataset): string =>
  `the judge knows ${known.size} of the data set's ${conceptNames(dataset).length} names`;

/** Pictures in one run. */
const ROWS = 32;

/** @param onProgress  called with the number of training pictures whose style has been looked at */
export async function openBench(judge: Judge, dataset: Dataset, onProgress: (done: number) => void): Promise<Bench> {
  const training = indicesOf(dataset, 'train');
  const styles: Tensor[] = [];
  for (let from = 0; from < training.length; from += ROWS) {
    const pictures = training.slice(from, from + ROWS).map((index) => dataset.read(index));
    styles.push((await look(judge, pictures)).style);
    onProgress(from + pictures.length);
  }
  const vectors = unitRows(concatRows(styles));
  const names = new Set(training.map((index) => dataset.concepts.get(dataset.records[index]!.concept)!.name));

  return {
    known: new Set(judge.config.concepts.filter((name) => names.has(name))),
    async judge(pictures) {
      const opinions: Opinion[] = [];
      for (let from = 0; from < pictures.length; from += ROWS) {
        const { concepts, style } = await look(judge, pictures.slice(from, from + ROWS));
        const unit = unitRows(style);
        for (let row = 0; row < style.shape[0]!; row++) {
          const concept = judge.config.concepts[largest(rows(concepts, row, row + 1).data)]!;
          const nearest = training[largest(products(vectors, rows(unit, row, row + 1).data))]!;
          opinions.push({ concept, style: dataset.records[nearest]!.style });
        }
      }
      return opinions;
    },
  };
}

function look(judge: Judge, pictures: readonly Uint8Array[]) {
  const { image_size: size } = judge.config;
  return judge.look(concatRows(pictures.map((rgba) => tensorFromPicture(onWhite(rgba), 3, size, size))));
}
