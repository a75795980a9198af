import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The bytes of attachments by id: in memory, or one file each in `<dataDir>/attachments`. */
export class FileStore {
  readonly #memory = new Map<string, Buffer>();
  readonly #folder: string | undefined;

  private constructor(folder: string | undefined) {
    this.#folder = folder;
  }

  static async open(dataDir: string | undefined): Promise<FileStore> {
    const folder = dataDir && join(dataDir, 'attachments');
    if (folder) await mkdir(folder, { recursive: true });
    return new FileStore(folder);
  }

  async put(id: string, bytes: Buffer): Promise<void> {
    if (!this.#folder) {
      this.#memory.set(id, bytes);
      return;
    }
    const file = join(this.#folder, id);
    await writeFile(`${file}.new`, bytes);
    await rename(`${file}.new`, file);
  }

  async get(id: string): Promise<Buffer | undefined> {
    if (!this.#folder) return this.#memory.get(id);
    return readFile(join(this.#folder, id)).catch(() => undefined);
  }

  async delete(id: string): Promise<void> {
    if (this.#folder) await rm(join(this.#folder, id), { force: true });
    else this.#memory.delete(id);
  }
}
