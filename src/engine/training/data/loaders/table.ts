import { basename } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { type CsvError, parse } from 'csv-parse';
import { InputError } from '../../../../errors.ts';
import type { LeaveOut } from '../collection.ts';
import { readText } from './text-file.ts';

/** Longer ones are several that a missing quotation mark has joined. */
const MAX_ROW = 2 ** 20;

export interface Row {
  readonly values: Readonly<Record<string, string>>;
  /** For messages: file and line. */
  readonly where: string;
}

/**
 * The rows of a table whose first line names the columns; a field with the delimiter, a quotation mark or a line end in
 * it is in quotation marks. Rows with more or fewer fields are left out.
 * @throws InputError when a wanted column is missing, or the file cannot be read
 */
export async function* readTable(
  path: string,
  delimiter: ',' | '\t',
  wanted: readonly string[],
  leaveOut: LeaveOut,
): AsyncGenerator<Row> {
  const parser = parse({
    delimiter,
    columns: (found: string[]) => checkColumns(path, found, wanted),
    bom: true,
    info: true,
    relax_quotes: true,
    max_record_size: MAX_ROW,
    skip_empty_lines: true,
    skip_records_with_error: true,
  });
  parser.on('skip', (error: CsvError & { lines: number }) =>
    leaveOut(REASONS[error.code] ?? 'a row that cannot be read', `${basename(path)} line ${error.lines}`),
  );
  const rows: AsyncIterable<{ record: Record<string, string>; info: { lines: number } }> = pipeline(
    Readable.from(readText(path)),
    parser,
    () => {},
  );
  for await (const { record, info } of rows) yield { values: record, where: `${basename(path)} line ${info.lines}` };
}

const REASONS: Partial<Record<string, string>> = {
  CSV_RECORD_INCONSISTENT_COLUMNS: 'a row with more or fewer fields than there are columns',
  CSV_MAX_RECORD_SIZE: 'a row that does not end: a quotation mark is missing',
  CSV_QUOTE_NOT_CLOSED: 'a row that does not end: a quotation mark is missing',
};

function checkColumns(path: string, found: string[], wanted: readonly string[]): string[] {
  const missing = wanted.filter((column) => !found.includes(column));
  if (missing.length === 0) return found;
  throw new InputError(`${path}: the first line names no column ${missing.join(', ')}, found ${found.join(', ')}`);
}
