import colors from 'picocolors';
import { textTable } from '../../text-table.ts';
import type { Result } from './comparison.ts';
import type { FolderReport } from './verify.ts';

/** One folder as a table: a tensor a line with its largest and mean error, the tolerance, and what became of it. */
export function formatReport({ path, check, message, tensors }: FolderReport): string {
  if (check === null) return `${colors.bold(path)}\n  ${colors.yellow('unknown')}  ${message}\n\n`;
  const heads = ['tensor', 'largest error', 'mean error', 'tolerance', ''].map(colors.dim);
  const table = textTable([heads, ...tensors.map(cells)], ['left', 'right', 'right', 'right', 'left']);
  return `${colors.bold(path)}  ${check}\n${table.replace(/^/gm, '  ').trimEnd()}\n\n`;
}

function cells(result: Result): string[] {
  const { name, maxError, meanError, tolerance } = result;
  return [name, digits(maxError), digits(meanError), formatTolerance(tolerance), verdict(result)];
}

function formatTolerance(tolerance: Result['tolerance']): string {
  if (tolerance === null) return '–';
  if (tolerance.max === 0) return 'exact';
  return tolerance.mean === undefined
    ? digits(tolerance.max)
    : `${digits(tolerance.max)}, mean ${digits(tolerance.mean)}`;
}

const digits = (value: number | null) => (value === null ? '–' : value === 0 ? '0' : value.toExponential(1));

function verdict({ pass, message }: Result): string {
  const note = message ? `  ${message}` : '';
  return (pass ? colors.green('pass') : colors.red('FAIL')) + note;
}

export interface Summary {
  readonly pass: boolean;
  /** Tensors. */
  readonly passed: number;
  readonly failed: number;
  /** Folders that hold no reference values. */
  readonly unknown: number;
}

export function summarise(reports: readonly FolderReport[]): Summary {
  const tensors = reports.flatMap((report) => report.tensors);
  const failed = tensors.filter(({ pass }) => !pass).length;
  const unknown = reports.filter(({ check }) => check === null).length;
  return { pass: failed === 0 && unknown === 0, passed: tensors.length - failed, failed, unknown };
}

export function formatSummary({ passed, failed, unknown }: Summary): string {
  const parts = [colors.green(`${passed} of ${passed + failed} tensors agree`)];
  if (failed > 0) parts.push(colors.red(`${failed} differ`));
  if (unknown > 0)
    parts.push(colors.yellow(`${unknown === 1 ? 'a folder holds' : `${unknown} folders hold`} no reference values`));
  return `${parts.join(', ')}\n`;
}
