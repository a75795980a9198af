import type {} from '@fastify/multipart';
import { RESTJSONErrorCodes as Code } from 'discord-api-types/v10';
import type { FastifyRequest } from 'fastify';
import { ApiError, entityTooLarge } from '../api-error.ts';
import type { Upload } from '../attachments.ts';
import { ATTACHMENT_SIZE_LIMIT } from '../world.ts';

const MAX_FILES = 10;

export const invalidJson = () =>
  new ApiError(400, Code.RequestBodyContainsInvalidJSON, 'The request body contains invalid JSON.');

/** The JSON body and the files of a request: `payload_json` and `files[n]` of a form, or JSON alone. */
export async function readBody(request: FastifyRequest): Promise<{ body: unknown; uploads: Upload[] }> {
  if (!request.isMultipart()) return { body: request.body ?? {}, uploads: [] };
  let body: unknown = {};
  const uploads: Upload[] = [];
  const limits = { fileSize: ATTACHMENT_SIZE_LIMIT + 1, files: MAX_FILES, fieldSize: ATTACHMENT_SIZE_LIMIT };
  for await (const part of request.parts({ limits })) {
    if (part.type === 'file') {
      const index = Number(/^files\[(\d+)\]$/.exec(part.fieldname)?.[1] ?? uploads.length);
      const bytes = await part.toBuffer();
      if (bytes.length > ATTACHMENT_SIZE_LIMIT) throw entityTooLarge();
      uploads.push({ index, filename: part.filename, bytes });
    } else if (part.fieldname === 'payload_json') {
      body = parseJson(String(part.value));
    }
  }
  return { body, uploads };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalidJson();
  }
}
