import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';

/** Why browser tests are skipped here; undefined where they run. */
export const missingChromium = existsSync(CHROMIUM) ? undefined : `no ${CHROMIUM} (Debian's package chromium)`;

export interface Browser {
  context: BrowserContext;
  /** Takes its data away too. */
  close(): Promise<void>;
}

/** A fresh Chromium that asks nothing of the network by itself. */
export async function openBrowser(options: BrowserContextOptions): Promise<Browser> {
  const userData = await mkdtemp(join(tmpdir(), 'chromium-'));
  const context = await chromium.launchPersistentContext(userData, {
    ...options,
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  context.setDefaultTimeout(10_000);
  return {
    context,
    async close() {
      await context.close();
      await rm(userData, { recursive: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}
