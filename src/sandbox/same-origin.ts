import type { FastifyInstance } from 'fastify';

/**
 * Refuses requests that a foreign web page makes through somebody's browser: those under another host's name
 * (DNS rebinding) and those of another origin. Programs send no Origin and the address itself.
 * @param hosts what `Host` may say, e.g. `127.0.0.1:8000`
 */
export function refuseForeign(app: FastifyInstance, hosts: () => readonly string[]): void {
  app.addHook('onRequest', async (request, reply) => {
    const { host, origin } = request.headers;
    const known = hosts();
    const isOurs = host !== undefined && known.includes(host.toLowerCase());
    const fromOurs = origin === undefined || known.some((known) => origin === `http://${known}`);
    if (!isOurs || !fromOurs)
      return reply.code(403).type('text/plain').send('The local Discord serves this machine only.\n');
  });
}
