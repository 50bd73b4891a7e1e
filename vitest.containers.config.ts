import { defineConfig } from 'vitest/config';

// The suites of the event logs and of the event store on the official images: `npm run test:containers`. What kills and
// restarts its server starts one of its own instead, and is left to `npm test` and `npm run test:kafka`.
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'], externalConditions: ['node'] } },
  test: {
    globalSetup: ['libs/testing/src/containers-setup.ts'],
    include: ['libs/messaging/test/*.kafka.spec.ts', 'libs/messaging/test/*.int.spec.ts', 'libs/events/**/*.int.spec.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    testNamePattern: /^(?!.*over restarts)/,
    fileParallelism: false,
    testTimeout: 90_000,
    hookTimeout: 180_000,
  },
});
