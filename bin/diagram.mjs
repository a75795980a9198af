// Draws docs/house.svg, the rooms of src/ and the arrows between them, from the imports themselves.
import { writeFile } from 'node:fs/promises';
import { instance } from '@viz-js/viz';
import { cruise } from 'dependency-cruiser';
import config from '../.dependency-cruiser.mjs';

const EVERYWHERE = ['errors', 'recipe', 'task', 'typed-settings', 'config', 'log', 'engine/tensor'].map(
  (name) => `^src/${name}\\.ts$`,
);

const { output } = await cruise(['src', 'deploy-commands.ts'], {
  ...config.options,
  includeOnly: { path: '^src/|^deploy-commands' },
  exclude: { path: [config.options.exclude.path, ...EVERYWHERE] },
  collapse: '^src/(engine/[^/]+|[^/]+)',
  outputType: 'archi',
});
const viz = await instance();
const dot = output.replace('rankdir="LR"', 'rankdir="TB"');
await writeFile(new URL('../docs/house.svg', import.meta.url), viz.renderString(dot, { format: 'svg' }));
