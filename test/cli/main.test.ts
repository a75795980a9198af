import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../../bin/unclip.mjs', import.meta.url));

test('a reader that reads no further, as head does, ends a command in silence', async () => {
  const program = spawn(process.execPath, [PROGRAM, 'imagine', '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  program.stdout.destroy();
  const [said, [code]] = await Promise.all([text(program.stderr), once(program, 'close')]);
  expect(said).not.toContain('EPIPE');
  expect(code).toBe(0);
}, 60_000);
