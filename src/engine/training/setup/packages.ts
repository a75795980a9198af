import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../../errors.ts';
import { lastLines, run } from './run.ts';

/** A package of npm. */
export interface PackageSpec {
  readonly package: string;
  /** Exactly this one. */
  readonly version: string;
}

/** Whether a folder holds these packages, installed to the end: npm lists them last of all. */
export const hasPackages = (dir: string, specs: readonly PackageSpec[]): boolean =>
  missingPackages(dir, specs).length === 0;

function missingPackages(dir: string, specs: readonly PackageSpec[]): PackageSpec[] {
  const list = join(dir, 'node_modules', '.package-lock.json');
  if (!existsSync(list)) return [...specs];
  const { packages }: { packages: Record<string, { version: string }> } = JSON.parse(readFileSync(list, 'utf8'));
  return specs.filter(({ package: name, version }) => packages[`node_modules/${name}`]?.version !== version);
}

/**
 * Installs packages in a folder of their own, which the project doesn't depend on, unless they are there; without their
 * install scripts, which would fetch what is not wanted.
 * @throws InputError with npm's words when it can't
 */
export async function installPackages(
  dir: string,
  specs: readonly PackageSpec[],
  say: (line: string) => void,
): Promise<void> {
  const names = missingPackages(dir, specs).map((spec) => `${spec.package}@${spec.version}`);
  if (names.length === 0) return;
  say(`npm install ${names.join(' ')} …`);
  await mkdir(dir, { recursive: true });
  if (!existsSync(join(dir, 'package.json'))) await writeFile(join(dir, 'package.json'), '{ "private": true }\n');
  const options = ['install', '--ignore-scripts', '--save-exact', '--no-audit', '--loglevel=error'];
  const [npm, ...first] = npmCommand();
  const { code, output } = await run(npm!, [...first, ...options, ...names], dir);
  if (code !== 0) throw new InputError(`npm could not install ${names.join(' ')} in ${dir}:\n${lastLines(output)}`);
}

/** On Windows npm is no program but a script of the shell; the one that runs this command says where its JavaScript is. */
const npmCommand = (): string[] =>
  process.platform === 'win32' && process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
