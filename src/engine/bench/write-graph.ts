import { copyFile, link, mkdir, realpath, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { UnetConfig } from '../networks/unet-config.ts';
import { recordGraph, unetGraph } from '../runtime/graphs.ts';
import { openComponent } from '../weights/component.ts';

/**
 * Writes our graph of a U-Net as an ONNX file, beside the files of its weights, for other programs.
 * @returns its path
 */
export async function writeUnetGraph(unet: string, folder: string): Promise<string> {
  const component = await openComponent(unet, 'UNet2DConditionModel', UnetConfig);
  const graph = recordGraph(component, unetGraph);
  await mkdir(folder, { recursive: true });
  for (const path of new Set(graph.weights.map((entry) => entry.path))) {
    const [from, to] = [await realpath(path), join(folder, basename(path))];
    // OpenVINO refuses symbolic links that leave the folder.
    await link(from, to).catch(() => copyFile(from, to));
  }
  const file = join(folder, 'network.onnx');
  await writeFile(file, graph.toBinary(basename));
  return file;
}
