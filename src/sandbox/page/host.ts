import type { APIAttachment } from 'discord-api-types/v10';
import type { PageAction } from '../page-protocol.ts';

/** What the parts of the page ask of the whole. */
export interface Host {
  /** Rejects with the reason why it can't be done. */
  act<T = unknown>(action: PageAction): Promise<T>;
  /** Sends a file ahead of the message or command that uses it. */
  upload(file: File, channelId: string): Promise<APIAttachment>;
}

const MAX_BYTES = 10 * 1024 * 1024;

export async function upload(file: File, channelId: string, userId: string): Promise<APIAttachment> {
  if (file.size > MAX_BYTES) throw new Error(`${file.name} is too large: files may have 10 MB`);
  const query = new URLSearchParams({ user: userId, channel: channelId, name: file.name });
  const headers = { 'content-type': 'application/octet-stream' };
  const response = await fetch(`page/files?${query}`, { method: 'POST', headers, body: file });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${file.name}: ${answer.message}`);
  return answer;
}
