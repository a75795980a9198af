import * as spec from 'discord-api-spec/zod';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError, entityTooLarge, notFound, parseBody, unauthorized } from '../api-error.ts';
import type { Upload } from '../attachments.ts';
import { Answer, type Call, type Endpoint, type Schema } from './endpoint.ts';
import { invalidJson, readBody } from './form.ts';
import type { Limit, RateLimits } from './rate-limits.ts';

/** Serves the endpoints under the current prefix, in Discord's manners: authorization, limits, schemas, errors. */
export function serveEndpoints(
  app: FastifyInstance,
  endpoints: readonly Endpoint[],
  token: string,
  limits: RateLimits,
) {
  app.setErrorHandler((error, _request, reply) => sendError(reply, error));
  app.setNotFoundHandler((_request, reply) => sendError(reply, notFound()));
  app.removeContentTypeParser('text/plain');
  for (const endpoint of endpoints) {
    app.route({
      method: endpoint.method,
      url: endpoint.path,
      handler: async (request, reply) => {
        const { tokenInPath, limit } = endpoint;
        if (!tokenInPath && request.headers.authorization !== `Bot ${token}`) throw unauthorized();
        if (limit && !takeFrom(limits, limit, endpoint, request, reply)) return reply;
        const answer = await endpoint.handle(await callOf(endpoint, request));
        return send(reply, endpoint, answer);
      },
    });
  }
}

async function callOf(endpoint: Endpoint, request: FastifyRequest): Promise<Call<never>> {
  const { params, query } = request as { params: Record<string, string>; query: Record<string, string> };
  if (!endpoint.request) return { params, query, body: undefined as never, uploads: [] };
  const { body, uploads }: { body: unknown; uploads: Upload[] } = await readBody(request);
  return { params, query, body: parseBody(endpoint.request, body) as never, uploads };
}

function send(reply: FastifyReply, { response, method, path }: Endpoint, answer: unknown) {
  if (answer === undefined) return reply.code(204).send();
  const { status, body } = answer instanceof Answer ? answer : { status: 200, body: answer };
  return reply.code(status).send(checked(response, body, `${method} ${path}`));
}

/** An answer that Discord would never give is a defect of ours, and better found here than in the bot. */
function checked(schema: Schema | undefined, body: unknown, route: string): unknown {
  const result = schema?.safeParse(body);
  if (!result || result.success) return body;
  const problems = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new Error(`${route} would answer against Discord's schema: ${problems.join('; ')} in ${JSON.stringify(body)}`);
}

/** Announces the limit; sends 429 and returns false where it's used up. */
function takeFrom(
  limits: RateLimits,
  limit: Limit,
  endpoint: Endpoint,
  request: FastifyRequest,
  reply: FastifyReply,
): boolean {
  const params = request.params as Record<string, string>;
  const key = (endpoint.limitedBy ?? []).map((name) => params[name]).join('/');
  const { allowed, remaining, resetAfter, resetAt } = limits.take(limit, key);
  const seconds = (ms: number) => (ms / 1000).toFixed(3);
  reply.headers({
    'x-ratelimit-limit': limit.requests,
    'x-ratelimit-remaining': remaining,
    'x-ratelimit-reset': seconds(resetAt),
    'x-ratelimit-reset-after': seconds(resetAfter),
    'x-ratelimit-bucket': limit.name,
  });
  if (allowed) return true;
  const body = { message: 'You are being rate limited.', code: 0, retry_after: resetAfter / 1000, global: false };
  reply
    .code(429)
    .headers({ 'retry-after': Math.ceil(resetAfter / 1000), 'x-ratelimit-scope': 'user' })
    .send(checked(spec.RatelimitedResponseSchema, body, 'rate limit'));
  return false;
}

function sendError(reply: FastifyReply, error: unknown) {
  const known = asApiError(error);
  if (!known) {
    reply.log.error(error);
    return reply.code(500).send({ message: '500: Internal Server Error', code: 0 });
  }
  // Not ErrorResponseSchema: it calls the codes inside `errors` numbers, where Discord sends names.
  return reply.code(known.status).send(checked(spec.ErrorSchema, known.body(), 'error'));
}

function asApiError(error: unknown): ApiError | undefined {
  if (error instanceof ApiError) return error;
  const { statusCode } = error as { statusCode?: number };
  if (statusCode === 413) return entityTooLarge();
  return statusCode !== undefined && statusCode < 500 ? invalidJson() : undefined;
}
