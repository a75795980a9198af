import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { ApiError } from './api-error.ts';
import { contentTypeOf } from './attachments.ts';
import type { FileStore } from './file-store.ts';
import type { Person } from './people.ts';
import { ATTACHMENT_SIZE_LIMIT } from './world.ts';

/** Nothing from elsewhere: no script, style, font or picture of another origin. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The built page, `dist/sandbox-page` of this package, whether this file runs compiled or from its source. */
export function builtPageDir(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return join(folder, 'dist', 'sandbox-page');
}

export async function servePageFiles(app: FastifyInstance, pageDir: string): Promise<void> {
  if (!existsSync(join(pageDir, 'index.html'))) {
    app.get('/', (_request, reply) => {
      const command = 'npx vite build --config src/sandbox/page/vite.config.ts';
      return reply.code(503).type('text/plain').send(`The page is not built yet: ${command}\n`);
    });
    return;
  }
  await app.register(fastifyStatic, {
    root: pageDir,
    setHeaders: (response) => {
      response.setHeader('content-security-policy', PAGE_POLICY);
      response.setHeader('x-content-type-options', 'nosniff');
      response.setHeader('referrer-policy', 'no-referrer');
    },
  });
}

/** Attachments by their URL, as Discord's CDN serves them. */
export function serveAttachments(app: FastifyInstance, files: FileStore): void {
  for (const folder of ['attachments', 'ephemeral-attachments']) {
    app.get<{ Params: { id: string; filename: string } }>(
      `/${folder}/:channel/:id/:filename`,
      async (request, reply) => {
        const { id, filename } = request.params;
        const bytes = /^\d+$/.test(id) ? await files.get(id) : undefined;
        if (!bytes) return reply.code(404).type('text/plain').send('This content is no longer available.\n');
        return reply
          .headers({
            'content-type': contentTypeOf(filename),
            'content-security-policy': "default-src 'none'; sandbox",
            'x-content-type-options': 'nosniff',
            'cache-control': 'private, max-age=31536000, immutable',
          })
          .send(bytes);
      },
    );
  }
}

/** `POST /page/files?user=…&channel=…&name=…` with the file's bytes: answers with the attachment. */
export function serveUploads(app: FastifyInstance, people: ReadonlyMap<string, Person>): void {
  const Query = { user: '', channel: '', name: '' };
  app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
  app.post<{ Querystring: typeof Query; Body: Buffer }>(
    '/page/files',
    { bodyLimit: ATTACHMENT_SIZE_LIMIT + 1024 },
    async (request, reply) => {
      const { user, channel, name } = request.query;
      const person = people.get(user);
      if (!person || !name || !Buffer.isBuffer(request.body)) return reply.code(400).send({ message: 'Bad upload' });
      try {
        return await person.upload({ filename: name, bytes: request.body }, channel);
      } catch (error) {
        if (error instanceof ApiError) return reply.code(error.status).send(error.body());
        throw error;
      }
    },
  );
}
