/** 0 … 255 stand for scale·(q − zeroPoint). */
interface Step {
  readonly scale: number;
  readonly zeroPoint: number;
}

/** Ranges and weights below this are nothing: float32 has no scale for them. */
const LEAST = 1e-30;

/** The 256 steps that hold a range, 0 being one of them. */
export function stepsFor([min, max]: readonly [number, number]): Step {
  const [low, high] = [Math.min(min, 0), Math.max(max, 0)];
  const scale = high - low > LEAST ? Math.fround((high - low) / 255) : 1;
  return { scale, zeroPoint: Math.round(-low / scale) };
}

/** Weights q·scale[o], symmetric around 0, a scale for each output (row). */
export interface QuantisedRows {
  readonly scales: Float32Array;
  readonly values: Int8Array;
}

/** @param peak  greatest |q|: 127, or 63 where two products are added in 16 bits */
export function quantiseRows(data: Float32Array, rows: number, peak: number): QuantisedRows {
  const width = data.length / rows;
  const scales = new Float32Array(rows);
  const values = new Int8Array(data.length);
  for (let row = 0; row < rows; row++) {
    let greatest = 0;
    for (let i = row * width; i < (row + 1) * width; i++) greatest = Math.max(greatest, Math.abs(data[i]!));
    const scale = greatest > LEAST ? Math.fround(greatest / peak) : 1;
    for (let i = row * width; i < (row + 1) * width; i++) values[i] = Math.round(data[i]! / scale);
    scales[row] = scale;
  }
  return { scales, values };
}

/** (O, I) → (I, O) */
export function transposed(values: Int8Array, rows: number): Int8Array {
  const width = values.length / rows;
  const out = new Int8Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < width; column++) out[column * rows + row] = values[row * width + column]!;
  }
  return out;
}
