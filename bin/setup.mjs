// Makes a clone ready to run: installs the packages of package-lock.json and compiles what changed since the last time.
// Plain JavaScript without dependencies, because it runs before there is anything else.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const lock = join(root, '.setup.lock');
const MINIMUM = [20, 19];

/** @throws when this Node is too old, or a step fails; its output is on stderr. */
export async function setup() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < MINIMUM[0] || (major === MINIMUM[0] && minor < MINIMUM[1])) {
    throw new Error(`Node ${MINIMUM.join('.')} or newer is needed, this is ${process.versions.node}`);
  }
  if (isReady()) return;
  await acquireLock();
  try {
    install();
    build();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

const isReady = () => isInstalled() && isBuilt();

/** npm notes what it has installed in node_modules/.package-lock.json; optional packages depend on the platform. */
function isInstalled() {
  const wanted = packagesOf('package-lock.json');
  const found = packagesOf(join('node_modules', '.package-lock.json'));
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === '' || optional || found[path]?.version === version,
  );
}

function packagesOf(lockfile) {
  const path = join(root, lockfile);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : {};
}

function install() {
  if (isInstalled()) return;
  say('Installing packages …');
  run('npm', ['ci', '--loglevel=error'], { shell: process.platform === 'win32' });
}

const buildStamp = join(root, 'dist', '.unclip-build');
const isBuilt = () => existsSync(buildStamp) && readFileSync(buildStamp, 'utf8') === sourceVersion();

function build() {
  if (isBuilt()) return;
  say('Compiling …');
  const version = sourceVersion();
  run(process.execPath, [join('node_modules', 'typescript', 'bin', 'tsc'), '-p', '.']);
  run(process.execPath, [
    join('node_modules', 'vite', 'bin', 'vite.js'),
    'build',
    '--logLevel',
    'warn',
    join('src', 'sandbox', 'page'),
  ]);
  writeFileSync(buildStamp, version);
}

function run(command, args, options = {}) {
  // stdout belongs to the command that the user called: what the tools say goes to stderr.
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
  if (error || status !== 0) throw new Error(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`);
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

function filesBelow(path) {
  const full = join(root, path);
  if (!statSync(full).isDirectory()) return [path];
  return readdirSync(full, { recursive: true })
    .map((name) => join(path, name))
    .filter((name) => statSync(join(root, name)).isFile())
    .sort();
}

/** A digest of the names, sizes and times of all that is compiled. */
function sourceVersion() {
  const hash = createHash('sha256');
  for (const path of ['src', 'deploy-commands.ts', 'tsconfig.json', 'package-lock.json'].flatMap(filesBelow)) {
    const { size, mtimeMs } = statSync(join(root, path));
    hash.update(`${path} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

/** `npm run bot` and `npm run engine` may be the first commands of a clone, at the same moment. */
async function acquireLock() {
  for (;;) {
    try {
      mkdirSync(lock);
      writeFileSync(join(lock, 'holder'), identityOf(process.pid));
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (!holderLives()) rmSync(lock, { recursive: true, force: true });
      else await new Promise((resolve) => setTimeout(resolve, 300));
    }
    if (isReady()) return;
  }
}

function holderLives() {
  const holder = read(join(lock, 'holder'));
  // The holder may be between making the folder and writing who it is: a young lock counts as held.
  if (!holder) return existsSync(lock) && Date.now() - statSync(lock).mtimeMs < 5_000;
  return holder === identityOf(Number.parseInt(holder, 10));
}

/**
 * The number of a process, and where Linux tells it (proc(5), field 22) when it was started: in a container the same few
 * numbers come again and again. Empty where it is gone; so is one that was killed and whose parent doesn't ask how.
 */
function identityOf(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== 'EPERM') return '';
  }
  const status = read(`/proc/${pid}/stat`);
  const [state, ...others] = status.slice(status.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' ? '' : `${pid} ${others[18] ?? ''}`;
}

const read = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  setup().catch((error) => {
    say(`error: ${error.message}`);
    process.exitCode = 1;
  });
}
