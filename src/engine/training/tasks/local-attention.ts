import { type ClipVisionConfig, patchesAlong } from '../../networks/clip-vision.ts';
import type { Initialiser } from '../parameters.ts';

/** Of a query's and a key's code of places: so much that a head looks at one place, and can unlearn it. */
const GAIN = 2.5;
/** What is left of a query and a key to look at anything else. */
const REST = 0.02;
/** Waves along each axis; the longest is twice as long as the picture. */
const WAVES = 4;
/** Each has a sine and a cosine along either axis. */
const PER_WAVE = 4;

/**
 * A start for a vision transformer in which each head looks at one neighbour of a patch, as a convolution does: who has few
 * pictures learns from them much sooner so (d'Ascoli et al. 2021, "ConViT"; Zheng et al. 2024, "Structured initialization").
 * The first channels hold a code of the patch's place, c(p) = (cos ωx, sin ωx, cos ωy, sin ωy) for each wave ω, and nothing else
 * is written there at the start. Keys are g·c(p'), and the queries of a head with offset Δ are g·c(p + Δ), c(p) turned by ωΔ. Their
 * product, g²·Σ cos ω(p + Δ − p'), is largest at p' = p + Δ. The class token has no place: it looks at all patches alike. All of
 * it can be learned away.
 * @returns undefined for what starts as it does by default: biases, norms, values, and the first half of each MLP
 */
export function localAttention(c: ClipVisionConfig): Initialiser {
  const { hidden_size: width, num_attention_heads: heads } = c;
  const side = patchesAlong(c);
  const headWidth = width / heads;
  // a head that is too narrow for all waves has the longer ones
  const waves = Array.from(
    { length: Math.min(WAVES, Math.floor(headWidth / PER_WAVE)) },
    (_, k) => ((k + 1) * Math.PI) / side,
  );
  const codeWidth = waves.length * PER_WAVE;
  const offsets = nearestOffsets(heads);

  /** (D, D) + g·R(ωΔ) for each head: its rows of c(p), turned. */
  const addCode = (matrix: Float32Array, turned: boolean) => {
    for (const [h, offset] of offsets.entries()) {
      for (const [k, wave] of waves.entries()) {
        for (const axis of [0, 1] as const) {
          const angle = turned ? wave * offset[axis] : 0;
          const [cos, sin] = [GAIN * Math.cos(angle), GAIN * Math.sin(angle)];
          const column = k * PER_WAVE + axis * 2;
          const row = (h * headWidth + column) * width + column;
          matrix[row]! += cos;
          matrix[row + 1]! -= sin;
          matrix[row + width]! += sin;
          matrix[row + width + 1]! += cos;
        }
      }
    }
  };

  return (name, shape) => {
    if (name.endsWith('position_embedding.weight')) {
      const table = new Float32Array(shape[0]! * width);
      for (let patch = 0; patch < side * side; patch++) {
        const place = [patch % side, Math.floor(patch / side)];
        const code = waves.flatMap((wave) => place.flatMap((at) => [Math.cos(wave * at), Math.sin(wave * at)]));
        table.set(code, (1 + patch) * width);
      }
      return { values: table };
    }
    if (name.endsWith('class_embedding')) return { uniform: 0.5, adjust: (token) => token.fill(0, 0, codeWidth) };
    if (name.endsWith('patch_embedding.weight')) {
      // in TensorFlow's layout the channels come last
      const clear = (kernel: Float32Array) => {
        for (let at = 0; at < kernel.length; at += width) kernel.fill(0, at, at + codeWidth);
      };
      return { normal: (shape[1]! * shape[2]! * shape[3]!) ** -0.5, adjust: clear };
    }
    if (/self_attn\.[qk]_proj\.weight$/.test(name))
      return { uniform: REST, adjust: (matrix) => addCode(matrix, name.includes('q_proj')) };
    if (/(out_proj|fc2)\.weight$/.test(name))
      return { uniform: shape[1]! ** -0.5, adjust: (matrix) => matrix.fill(0, 0, codeWidth * shape[1]!) };
    return undefined;
  };
}

/** Steps along x and y to so many places, itself first and then the nearest. */
function nearestOffsets(count: number): (readonly [number, number])[] {
  const reach = Math.ceil(Math.sqrt(count));
  const steps = Array.from({ length: 2 * reach + 1 }, (_, i) => i - reach);
  const all = steps.flatMap((y) => steps.map((x) => [x, y] as const));
  return all.sort(([ax, ay], [bx, by]) => Math.hypot(ax, ay) - Math.hypot(bx, by)).slice(0, count);
}
