import type { Abilities } from '../engine/models/abilities.ts';
import type { ComponentReport, ModelReport } from '../engine/models/inspect.ts';
import { textTable } from '../engine/text-table.ts';

/** What `inspectModel` found, as a table of components and a few lines on what the model can do. */
export function formatModel({ name, pipelines, components, can }: ModelReport): string {
  const rows = [['component', 'class', 'parameters', 'precision', 'bytes', 'does'], ...components.map(rowOf)];
  const total = (key: 'parameters' | 'bytes') => components.reduce((sum, component) => sum + (component[key] ?? 0), 0);
  rows.push(['all', '', millions(total('parameters')), '', formatBytes(total('bytes')), '']);
  const table = textTable(rows, ['left', 'left', 'right', 'left', 'right', 'left']);
  return `${name}: ${pipelines.join(', ')}\n\n${table}${can ? `\n${describe(can)}` : ''}`;
}

function rowOf({ name, class: className, parameters, precision, bytes, does, problem }: ComponentReport): string[] {
  return [
    name,
    className,
    parameters === null ? '' : millions(parameters),
    precision ?? '',
    bytes === null ? '' : formatBytes(bytes),
    problem === null ? (does ?? '') : `! ${problem}`,
  ];
}

const millions = (count: number) => `${(count / 1e6).toFixed(2)} M`;
/** Such as 2.51 GB. */
export const formatBytes = (bytes: number) =>
  bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;

function describe(can: Abilities): string {
  const rows = [
    ['operations', can.operations.join(', ')],
    ['priors', can.priors.join(', ') || 'none: it draws from pictures'],
    ['samplers', can.samplers.join(', ')],
    ['size', `${can.size} × ${can.size}, or multiples of ${can.sizeStep}`],
    ['upsampler', can.upsamplerSteps > 0 ? `${can.upsamplerSteps} steps` : 'none'],
    ['upscale', can.upscaleSteps > 0 ? `drawn pictures 4 times as large, ${can.upscaleSteps} steps` : 'no'],
    ['inpainting', can.inpaintingDecoder ? 'the decoder sees the mask' : 'by the sampler alone'],
  ];
  return textTable(rows, ['left', 'left']);
}
