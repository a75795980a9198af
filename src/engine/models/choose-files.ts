import { OWN_FOLDERS } from '../pipeline/kandinsky-folder.ts';
import { HubError, type HubFile, type Repository } from './hub.ts';

/** Weights in one file or in shards, and the index of shards: stem, then `variant` before or after the number. */
const WEIGHTS = /^(?:diffusion_pytorch_model|model)(?:-\d+-of-\d+)?(?:\.(\w+))?(?:-\d+-of-\d+)?\.safetensors$/;
const INDEX = /^(?:diffusion_pytorch_model|model)\.safetensors\.index(?:\.(\w+))?\.json$/;
const CONFIG = /^(?!.*\.(?:safetensors|bin)\.index\b)[\w.-]+\.(?:json|txt)$/;
/** Beside the components: what the model is and may be used for, and how it is drawn with. */
const BESIDE = /^(?:README\.md|LICENSE[\w.-]*|ATTRIBUTION\.md|unclip\.json)$/;

/**
 * The files of a repository that its components need: configs, vocabularies, and safetensors of one precision.
 * @param components  those that model_index.json names
 * @param variant     such as `fp16`, where a component has it; else its full precision
 * @throws HubError for a component whose weights are no safetensors
 */
export function chooseFiles(
  { name, files }: Repository,
  components: readonly string[],
  variant: string | undefined,
): HubFile[] {
  const chosen = files.filter(({ path }) => BESIDE.test(path));
  for (const component of [...components, ...Object.values(OWN_FOLDERS)]) {
    const inFolder = files.filter(({ path }) => new RegExp(`^${component}/[^/]+$`).test(path));
    const nameOf = ({ path }: HubFile) => path.slice(component.length + 1);
    chosen.push(...inFolder.filter((file) => CONFIG.test(nameOf(file))));
    const weights = chooseWeights(inFolder, nameOf, variant);
    const others = inFolder.map(nameOf).filter((file) => /\.(?:bin|ckpt|pt|pth|msgpack)$/.test(file));
    if (weights.length === 0 && others.length > 0) {
      throw new HubError(`${name}/${component}: expected weights as safetensors, found ${others.join(', ')}`);
    }
    chosen.push(...weights);
  }
  return chosen;
}

function chooseWeights(files: readonly HubFile[], nameOf: (file: HubFile) => string, variant: string | undefined) {
  const variantOf = (file: HubFile) => (WEIGHTS.exec(nameOf(file)) ?? INDEX.exec(nameOf(file)))?.[1];
  const weights = files.filter((file) => WEIGHTS.test(nameOf(file)) || INDEX.test(nameOf(file)));
  const variants = new Set(weights.map(variantOf));
  const best = [variant, undefined, ...variants].find((name) => variants.has(name));
  return weights.filter((file) => variantOf(file) === best);
}
