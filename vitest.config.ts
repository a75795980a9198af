import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    maxWorkers: '100%',
    setupFiles: ['test/matchers/to-be-all-close.ts'],
  },
});
