import type { APIAttachment } from 'discord-api-types/v10';
import { html, nothing, type TemplateResult } from 'lit';
import { styleMap } from 'lit/directives/style-map.js';
import { icons } from './icons.ts';

/** A picture to look at. */
export interface Picture {
  url: string;
  /** What it shows, or its file name. */
  alt: string;
  width?: number | null | undefined;
  height?: number | null | undefined;
}

/** Asks the page to open the viewer on one of several pictures. */
export class OpenPictures extends Event {
  readonly pictures: readonly Picture[];
  readonly index: number;

  constructor(pictures: readonly Picture[], index: number) {
    super('open-pictures', { bubbles: true, composed: true });
    this.pictures = pictures;
    this.index = index;
  }
}

/** How many pictures stand in each row, as Discord lays out 1 to 10. */
const ROWS: readonly (readonly number[])[] = [
  [],
  [1],
  [2],
  [3],
  [2, 2],
  [2, 3],
  [3, 3],
  [1, 3, 3],
  [2, 3, 3],
  [3, 3, 3],
  [1, 3, 3, 3],
];

const MAX_WIDTH = 550;
const MAX_HEIGHT = 350;

export function gallery(pictures: readonly Picture[]): TemplateResult {
  if (pictures.length === 1) return html`<div class="gallery single">${thumbnail(pictures, 0)}</div>`;
  const rows = ROWS[pictures.length] ?? [pictures.length];
  let next = 0;
  return html`<div class="gallery mosaic">
    ${rows.map((count) => {
      const start = next;
      next += count;
      const cells = Array.from({ length: count }, (_, i) => thumbnail(pictures, start + i));
      return html`<div class="mosaic-row of-${count}">${cells}</div>`;
    })}
  </div>`;
}

function thumbnail(pictures: readonly Picture[], index: number): TemplateResult {
  const { url, alt, width, height } = pictures[index]!;
  const open = (event: Event) => event.currentTarget!.dispatchEvent(new OpenPictures(pictures, index));
  const size = pictures.length === 1 && width && height ? singleSize(width, height) : {};
  return html`<button class="picture" type="button" title=${alt} @click=${open}>
    <img src=${url} alt=${alt} style=${styleMap(size)} loading="lazy" />
  </button>`;
}

/** The place that a picture alone will take, known before it is loaded so that nothing moves then. */
function singleSize(width: number, height: number) {
  const scale = Math.min(1, MAX_WIDTH / width, MAX_HEIGHT / height);
  return { width: `${Math.round(width * scale)}px`, aspectRatio: `${width} / ${height}` };
}

/** More pixels take the browser seconds to decode, even for a thumbnail, and nothing else happens meanwhile. */
const MAX_PIXELS = 50_000_000;

/** Whether the browser can show it. */
export function isPicture({ width, height, content_type }: APIAttachment): boolean {
  return Boolean(width && height && width * height <= MAX_PIXELS && content_type?.startsWith('image/'));
}

/** Pictures that the browser can show; anything else is offered as a file. */
export function attachmentList(attachments: readonly APIAttachment[]): TemplateResult | typeof nothing {
  if (attachments.length === 0) return nothing;
  const pictures = attachments.filter(isPicture).map(toPicture);
  const files = attachments.filter((attachment) => !isPicture(attachment));
  return html`${pictures.length > 0 ? gallery(pictures) : nothing}
  ${files.map(({ filename, url, size }) => fileCard(filename, url, size))}`;
}

const toPicture = ({ url, description, filename, width, height }: APIAttachment): Picture => ({
  url,
  alt: description || filename,
  width,
  height,
});

export function fileCard(name: string, url: string, size: number | null | undefined): TemplateResult {
  return html`<p class="file-card">
    ${icons.file}
    <span><a href=${url} target="_blank" rel="noreferrer noopener">${name}</a><small>${size ? formatBytes(size) : nothing}</small></span>
  </p>`;
}

function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}`;
  if (bytes < 1024 ** 2) return `${(bytes / 1024).toFixed(1)} KB`;
  return `${(bytes / 1024 ** 2).toFixed(1)} MB`;
}
