import { extname } from 'node:path';
import type { APIAttachment, RESTAPIAttachment } from 'discord-api-types/v10';
import sharp from 'sharp';
import { entityTooLarge, invalidForm } from './api-error.ts';
import type { FileStore } from './file-store.ts';
import type { Snowflakes } from './snowflakes.ts';
import { ATTACHMENT_SIZE_LIMIT } from './world.ts';

/** A file as it came in: `files[3]` of a form has index 3. */
export interface Upload {
  index: number;
  filename: string;
  bytes: Buffer;
}

const CONTENT_TYPES: Record<string, string> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.avif': 'image/avif',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
};

/** By the name alone, as Discord does: a text called .png is announced as image/png. */
export const contentTypeOf = (filename: string): string =>
  CONTENT_TYPES[extname(filename).toLowerCase()] ?? 'application/octet-stream';

/** Spaces become underscores; what isn't a letter, digit, dot, dash or underscore is left out. */
const safeFilename = (name: string): string => name.replace(/\s+/g, '_').replace(/[^\p{L}\p{N}._-]/gu, '') || 'unknown';

/** Takes files in and gives them their place below `<origin>/attachments/` or `/ephemeral-attachments/`. */
export class Attachments {
  readonly files: FileStore;
  readonly #origin: string;
  readonly #ids: Snowflakes;

  constructor(files: FileStore, origin: string, ids: Snowflakes) {
    this.files = files;
    this.#origin = origin;
    this.#ids = ids;
  }

  /** Throws 40005 where the file is larger than Discord takes. */
  async add(upload: Upload, channelId: string, ephemeral: boolean, description?: string): Promise<APIAttachment> {
    if (upload.bytes.length > ATTACHMENT_SIZE_LIMIT) throw entityTooLarge();
    const id = this.#ids.next();
    const filename = safeFilename(upload.filename);
    const folder = ephemeral ? 'ephemeral-attachments' : 'attachments';
    const url = `${this.#origin}/${folder}/${channelId}/${id}/${encodeURIComponent(filename)}`;
    await this.files.put(id, upload.bytes);
    return {
      id,
      filename,
      size: upload.bytes.length,
      url,
      proxy_url: url,
      content_type: contentTypeOf(filename),
      ...(await pictureSize(filename, upload.bytes)),
      ...(description !== undefined && { description }),
      ...(ephemeral && { ephemeral: true }),
    };
  }

  /**
   * The files of a message after a request.
   * @param listed the request's `attachments`: names files to keep and describes new ones; without it all old ones stay
   */
  async apply(
    old: readonly APIAttachment[],
    listed: readonly RESTAPIAttachment[] | null | undefined,
    uploads: readonly Upload[],
    channelId: string,
    ephemeral: boolean,
  ): Promise<APIAttachment[]> {
    if (!listed) {
      const added = uploads.map((upload) => this.add(upload, channelId, ephemeral));
      return [...old, ...(await Promise.all(added))];
    }
    const entries = listed.map(async (entry, i) => {
      const { id, description, filename } = entry;
      const kept = old.find((file) => file.id === id);
      if (kept) return { ...kept, ...(description !== undefined && { description: description ?? '' }) };
      const upload = uploads.find(({ index }) => String(index) === String(id));
      if (upload) {
        const named = { ...upload, filename: filename ?? upload.filename };
        return this.add(named, channelId, ephemeral, description ?? undefined);
      }
      throw invalidForm([
        { path: ['attachments', i, 'id'], code: 'ATTACHMENT_NOT_FOUND', message: `No such attachment or files[${id}]` },
      ]);
    });
    return Promise.all(entries);
  }

  async remove(files: readonly APIAttachment[]): Promise<void> {
    await Promise.all(files.map(({ id }) => this.files.delete(id)));
  }
}

/** Width and height from the header; nothing where it's no picture after all, or one without pixels. */
async function pictureSize(filename: string, bytes: Buffer): Promise<{ width?: number; height?: number }> {
  const type = contentTypeOf(filename);
  if (!type.startsWith('image/') || type === 'image/svg+xml') return {};
  try {
    const { width, height } = await sharp(bytes, { limitInputPixels: false }).metadata();
    return { width, height };
  } catch {
    return {};
  }
}
