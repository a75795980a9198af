#!/usr/bin/env node
// The one program: `npx unclip --help`. The npm scripts are its commands.
import { setup } from './setup.mjs';

try {
  await setup();
} catch (error) {
  process.stderr.write(`error: ${error.message}\n`);
  process.exit(1);
}
const { main } = await import('../dist/src/cli/main.js');
await main(process.argv);
