import { defineConfig } from 'vitest/config';

// What needs a Kafka broker: `npm run test:kafka`. One broker for the run, so one file at a time.
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'], externalConditions: ['node'] } },
  test: {
    globalSetup: ['libs/testing/src/global-setup.ts', 'libs/messaging/test/support/kafka-global-setup.ts'],
    include: ['{libs,services,deploy,scripts}/**/*.kafka.spec.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    fileParallelism: false,
    testTimeout: 90_000,
    hookTimeout: 180_000,
  },
});
