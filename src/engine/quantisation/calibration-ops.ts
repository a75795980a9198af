import { OnnxOps, type OnnxValue } from '../ops/onnx-ops.ts';
import type { Conv2dOptions } from '../ops/ops.ts';
import { rangeOutput } from './range-collector.ts';

/** Records a network that also tells the ranges of what goes into its layers, and comes out of its convolutions. */
export class CalibrationOps extends OnnxOps {
  override conv2d(x: OnnxValue, weight: OnnxValue, bias: OnnxValue | undefined, options: Conv2dOptions): OnnxValue {
    const y = super.conv2d(x, weight, bias, options);
    const layer = this.#observeInput(x, weight);
    for (const end of ['min', 'max'] as const) {
      const extremes = this.node(REDUCE[end], [y, this.integers([0, 2, 3])], [y.shape[1]!], { keepdims: 0 });
      this.output(rangeOutput(layer, 'output', end), extremes);
    }
    return y;
  }

  override linear(x: OnnxValue, weight: OnnxValue, bias?: OnnxValue): OnnxValue {
    this.#observeInput(x, weight);
    return super.linear(x, weight, bias);
  }

  #observeInput(x: OnnxValue, { parameter }: OnnxValue): string {
    const layer = parameter!.replace(/\.weight$/, '');
    for (const end of ['min', 'max'] as const) {
      this.output(rangeOutput(layer, 'input', end), this.node(REDUCE[end], [x], [], { keepdims: 0 }));
    }
    return layer;
  }
}

const REDUCE = { min: 'ReduceMin', max: 'ReduceMax' } as const;
