// Arrows point one way. What a room may import is listed here; `npm run check` enforces it.
const room = (path) => `^src/${path}`;
const only = (from, allowed, comment) => ({
  name: `${from}-imports`,
  comment,
  severity: 'error',
  from: { path: room(from) },
  to: { path: '^src/', pathNot: [from, ...allowed].map(room) },
});
const shared = ['errors\\.ts$', 'recipe\\.ts$', 'task\\.ts$', 'typed-settings\\.ts$'];

/** Packages that belong to one room alone. */
const packageOf = (name, rooms) => ({
  name: `${name}-only-in-its-room`,
  severity: 'error',
  from: { path: '^src/', pathNot: rooms.map(room) },
  to: { path: `node_modules/${name}` },
});

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    only('bot/', ['discord/', 'queue/', 'config\\.ts$', ...shared], 'the bot knows neither engine nor stand-in'),
    only('discord/', ['queue/messages\\.ts$', ...shared], 'what bot and engine both say to Discord'),
    only('queue/', ['config\\.ts$', ...shared], 'the queue knows its jobs, not who makes or takes them'),
    only('sandbox/', ['config\\.ts$', ...shared], 'the local Discord is a stand-in: it knows nothing of ours'),
    only(
      'engine/service/',
      ['engine/', 'discord/', 'queue/', 'config\\.ts$', ...shared],
      'the one room of the engine that knows queue and Discord',
    ),
    only('engine/(?!service/)', ['engine/(?!service/)', ...shared], 'the engine is a library without Discord or queue'),
    packageOf('onnxruntime-node', ['engine/runtime/']),
    packageOf('(bullmq|ioredis|pg|@electric-sql)/', ['queue/']),
    packageOf('discord\\.js/', ['bot/']),
    packageOf('fastify/', ['sandbox/']),
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^src/sandbox/page/' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js'],
      conditionNames: ['import', 'node', 'default'],
      exportsFields: ['exports'],
    },
  },
};
