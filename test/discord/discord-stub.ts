import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';

export interface StubRequest {
  method: string;
  /** Without the API's version. */
  path: string;
  authorization: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: whatever was sent, for tests to look into
  body: any;
  files: { name: string; bytes: Buffer }[];
}

type Answer = { status: number; body?: unknown } | undefined;

/** Discord's REST as far as delivery needs it: keeps every request, and answers as the test says. */
export class DiscordStub {
  readonly requests: StubRequest[] = [];
  /** Undefined: 200 with an empty object. */
  answer: (request: StubRequest, index: number) => Answer | Promise<Answer> = () => undefined;
  readonly #server: FastifyInstance;

  private constructor(server: FastifyInstance) {
    this.#server = server;
  }

  static async start(): Promise<DiscordStub> {
    const server = fastify();
    const stub = new DiscordStub(server);
    server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    server.removeContentTypeParser('application/json');
    server.all('*', async ({ method, url, headers, body }, reply) => {
      const request = {
        method,
        path: url.replace('/api/v10', ''),
        authorization: headers.authorization,
        ...(await parseBody(headers['content-type'] ?? '', body as Buffer | undefined)),
      };
      stub.requests.push(request);
      const { status = 200, body: answer = {} } = (await stub.answer(request, stub.requests.length - 1)) ?? {};
      return reply.status(status).send(answer);
    });
    await server.listen({ host: '127.0.0.1', port: 0 });
    return stub;
  }

  get apiUrl(): string {
    return `http://127.0.0.1:${(this.#server.server.address() as AddressInfo).port}/api`;
  }

  /** Method, path and text of each request. */
  get log(): string[] {
    return this.requests.map(({ method, path, body }) => [method, path, body?.content].filter(Boolean).join(' '));
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}

async function parseBody(contentType: string, body: Buffer | undefined) {
  if (!body?.length) return { body: undefined, files: [] };
  if (!contentType.startsWith('multipart/')) return { body: JSON.parse(body.toString()), files: [] };
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData();
  const files: StubRequest['files'] = [];
  for (const value of form.values()) {
    if (typeof value !== 'string') files.push({ name: value.name, bytes: Buffer.from(await value.arrayBuffer()) });
  }
  return { body: JSON.parse(String(form.get('payload_json'))), files };
}
