import type { z } from 'zod/mini';
import type { Upload } from '../attachments.ts';
import type { Limit } from './rate-limits.ts';

export type Schema = z.ZodMiniType<unknown>;

export interface Call<Body> {
  params: Record<string, string>;
  query: Record<string, string | undefined>;
  /** Of the type that `request` parses. */
  body: Body;
  uploads: Upload[];
}

/** One route of Discord's REST API. */
export interface Endpoint<Body = never> {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** As in Discord's documentation, with `:name` for parameters. */
  path: string;
  /** Routes with an interaction's token in their path need no other authorization. */
  tokenInPath?: true;
  limit?: Limit;
  /** Parameters that are limited apart from each other; none: all calls together. */
  limitedBy?: readonly string[];
  /** Of the JSON body; without it the route takes none. */
  request?: Schema;
  /** Of the JSON answer; what doesn't fit Discord's own schema is never sent. */
  response?: Schema;
  /** Returns the JSON answer; undefined answers 204. */
  handle(call: Call<Body>): unknown;
}

/** An answer with a status other than 200 or 204. */
export class Answer {
  readonly status: number;
  readonly body: unknown;

  constructor(status: number, body: unknown) {
    this.status = status;
    this.body = body;
  }
}
