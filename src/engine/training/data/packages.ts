import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { installPackages, type PackageSpec } from '../setup/packages.ts';

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

  /** Downloads what is missing. @throws InputError with npm's words when it cannot */
  install(specs: readonly PackageSpec[], say: (line: string) => void): Promise<void> {
    return installPackages(this.dir, specs, say);
  }
}
