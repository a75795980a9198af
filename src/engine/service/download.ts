import { InputError } from '../../errors.ts';
import { MAX_PICTURE_BYTES, type PictureSource } from '../../queue/messages.ts';
import type { PictureFile } from '../pipeline/plan.ts';

const TIMEOUT_MS = 30_000;

/**
 * Fetches a picture from Discord's file server.
 * @throws InputError when the picture is gone or too large; Error when the server can't be reached, to be tried again
 */
export async function download({ url, name }: PictureSource, signal: AbortSignal): Promise<PictureFile> {
  const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]) });
  if (response.status >= 500) throw new Error(`${url}: status ${response.status}`);
  if (!response.ok) {
    throw new InputError(`the picture ${name} can't be fetched any more (status ${response.status}): send it again`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_PICTURE_BYTES)
      throw new InputError(`the picture ${name} is larger than ${MAX_PICTURE_BYTES / 2 ** 20} MiB`);
    chunks.push(chunk);
  }
  return { name, bytes: Buffer.concat(chunks) };
}
