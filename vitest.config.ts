import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'], externalConditions: ['node'] } },
  test: {
    globalSetup: ['libs/testing/src/global-setup.ts'],
    include: ['{libs,services,deploy,scripts}/**/*.spec.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', '**/*.kafka.spec.ts'],
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
