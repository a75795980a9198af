import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Weight files in folders and all below them, in MB (10⁶ bytes). */
export async function weightsMb(folders: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const folder of folders) {
    for (const name of await readdir(folder, { recursive: true })) {
      if (/\.(safetensors|bin|onnx)$/.test(name)) bytes += (await stat(join(folder, name))).size;
    }
  }
  return bytes / 1e6;
}
