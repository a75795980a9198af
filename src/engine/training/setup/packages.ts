import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../../errors.ts';
import { lastLines, run } from './run.ts';

/** Whether `installPackages` has been run to its end in a folder. */
export const hasPackages = (dir: string): boolean => existsSync(join(dir, 'node_modules', '.package-lock.json'));

/**
 * Installs packages of npm in a folder of their own, unless they are there; without their install scripts, which would
 * fetch what is not wanted.
 * @param specs name@version
 */
export async function installPackages(
  dir: string,
  specs: readonly string[],
  say: (line: string) => void,
): Promise<void> {
  if (hasPackages(dir)) return;
  say(`npm install ${specs.join(' ')} …`);
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'package.json'), '{ "private": true }\n');
  const options = ['install', '--ignore-scripts', '--loglevel=error', '--no-audit'];
  const [npm, ...first] = npmCommand();
  const { code, output } = await run(npm!, [...first, ...options, ...specs], dir);
  if (code !== 0) throw new InputError(`npm could not install ${specs.join(' ')} in ${dir}:\n${lastLines(output)}`);
}

/** On Windows npm is no program but a script of the shell; the one that runs this command says where its JavaScript is. */
const npmCommand = (): string[] =>
  process.platform === 'win32' && process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
