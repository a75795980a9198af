import { type GlyphSource, type PictureSource, TEXT_SOURCES } from './sources.ts';

/** What must ship with the data and with weights that were trained on it, as Markdown. */
export function attribution(pictures: readonly (PictureSource | GlyphSource)[]): string {
  const row = (s: { package: string; version: string; licence: string; attribution: string }) =>
    `| ${s.attribution} | ${s.licence} | ${s.package}@${s.version} |`;
  return [
    '# Attribution',
    'The pictures were resized, composed and used to train.',
    '',
    '| Work | Licence | Package |',
    '|---|---|---|',
    ...[...pictures, ...TEXT_SOURCES].map(row),
    '',
  ].join('\n');
}
