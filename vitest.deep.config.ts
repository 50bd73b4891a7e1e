import { globSync, readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

// Every spec that draws its cases, and the ordering torture: `npm run test:deep`, with a fresh seed and more of each.
const drawn = globSync('{libs,services,deploy,scripts}/**/*.spec.ts', { exclude: (name) => name === 'node_modules' || name === 'dist' })
  .filter((file) => !file.endsWith('.kafka.spec.ts') && /from 'fast-check'|histories|torture/.test(readFileSync(file, 'utf8')));

export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'], externalConditions: ['node'] } },
  test: {
    globalSetup: ['libs/testing/src/global-setup.ts'],
    setupFiles: ['libs/testing/src/deep-setup.ts'],
    include: drawn,
    exclude: ['**/node_modules/**', '**/dist/**'],
    maxWorkers: 2,
    testTimeout: 1_800_000,
    hookTimeout: 120_000,
  },
});
