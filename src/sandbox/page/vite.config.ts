import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

/** The page of the local Discord: `npx vite build --config src/sandbox/page/vite.config.ts`. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  build: {
    outDir: fileURLToPath(new URL('../../../dist/sandbox-page', import.meta.url)),
    emptyOutDir: true,
    // Data URLs would need exceptions in the page's content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
