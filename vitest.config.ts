import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    maxWorkers: '100%',
    // for what hangs; how fast things are is for the benchmarks, and a busy machine is no failure
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // what the programs print is the same to whoever runs the tests: with CI in its environment picocolors colours a pipe too
    env: { NO_COLOR: '1' },
    setupFiles: ['test/matchers/to-be-all-close.ts'],
  },
});
