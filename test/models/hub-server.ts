import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One repository on a stand-in for the Hub, over HTTP on a port of its own. */
export interface HubServer {
  readonly endpoint: string;
  /** Of files: path and range of each request that was answered. */
  readonly requests: { readonly path: string; readonly range: string | undefined }[];
  close(): Promise<void>;
}

export interface HubServerOptions {
  readonly repository: string;
  readonly commit: string;
  readonly files: Readonly<Record<string, Buffer>>;
  /** Those that the Hub keeps in LFS, with a sha256. */
  readonly isLarge: (path: string) => boolean;
  /** Without it, the Hub answers 401. */
  readonly token?: string;
  /** Status in place of an answer to each request. */
  readonly status?: number;
  /** Cuts the connection after so many bytes of a file, each time it is asked for. */
  readonly cutAfter?: (path: string) => number | undefined;
  /** A server that doesn't know ranges sends the whole file. */
  readonly ignoresRanges?: boolean;
  /** What is sent for a file instead. */
  readonly corrupt?: (path: string) => Buffer | undefined;
}

export async function startHub(options: HubServerOptions): Promise<HubServer> {
  const requests: HubServer['requests'] = [];
  const server = createServer((request, response) => answer(request, response, options, requests));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: HubServerOptions,
  requests: HubServer['requests'],
): void {
  const { pathname } = new URL(request.url ?? '/', 'http://hub');
  const base = `/${options.repository}/resolve/${options.commit}/`;
  const path = pathname.startsWith(base) ? decodeURIComponent(pathname.slice(base.length)) : undefined;
  const refused = refuse(request, options);
  if (!refused && path !== undefined && options.files[path]) {
    requests.push({ path, range: request.headers.range });
    send(request, response, options, path);
  } else {
    const { status, body } = refused ?? describe(pathname, options);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }
}

function refuse({ headers }: IncomingMessage, { status, token }: HubServerOptions) {
  if (status) return { status, body: { error: 'no' } };
  return token && headers.authorization !== `Bearer ${token}` ? { status: 401, body: { error: 'who?' } } : undefined;
}

function describe(pathname: string, options: HubServerOptions): { status: number; body: object } {
  const { repository, commit, files } = options;
  const [info, tree] = [`/api/models/${repository}/revision/`, `/api/models/${repository}/tree/${commit}`];
  if (pathname.startsWith(tree)) return { status: 200, body: Object.keys(files).map((path) => entryOf(path, options)) };
  const isKnown = ['HEAD', 'main', 'v1', commit].some((revision) => pathname === info + revision);
  if (!isKnown) return { status: 404, body: { error: 'not found' } };
  return { status: 200, body: { _id: '1', id: repository, sha: commit, private: false, downloads: 0, likes: 0 } };
}

function entryOf(path: string, { files, isLarge }: HubServerOptions): object {
  const content = files[path]!;
  const oid = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
  const lfs = { oid: createHash('sha256').update(content).digest('hex'), size: content.length, pointerSize: 130 };
  return { type: 'file', path, size: content.length, oid, ...(isLarge(path) && { lfs }) };
}

function send(request: IncomingMessage, response: ServerResponse, options: HubServerOptions, path: string): void {
  const content = options.corrupt?.(path) ?? options.files[path]!;
  const from = options.ignoresRanges ? 0 : Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const rest = content.subarray(from);
  const range = from > 0 && { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` };
  response.writeHead(from > 0 ? 206 : 200, { 'content-length': rest.length, ...range });
  const cut = options.cutAfter?.(path);
  if (cut === undefined || cut >= rest.length) response.end(rest);
  else response.write(rest.subarray(0, cut), () => response.destroy());
}
