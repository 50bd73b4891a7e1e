import { defineConfig } from 'vitest/config';

// The suites of the event logs and every suite on PostgreSQL, on the official images: `npm run test:containers`. What kills and
// restarts its server starts one of its own, and what reads a broker's whole log wants one for itself: those are left to `npm test`
// and `npm run test:kafka`.
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'], externalConditions: ['node'] } },
  test: {
    globalSetup: ['libs/testing/src/containers-setup.ts'],
    include: [
      'libs/messaging/test/*.kafka.spec.ts',
      'deploy/cluster/test/own-servers.kafka.spec.ts',
      'libs/{events,messaging,platform,artifacts}/**/*.int.spec.ts',
      'services/**/*.int.spec.ts',
    ],
    exclude: ['**/node_modules/**', '**/dist/**', 'libs/events/test/restart.int.spec.ts', 'services/staking-indexer/src/infrastructure/signer.int.spec.ts'],
    testNamePattern: /^(?!.*over restarts)/,
    fileParallelism: false,
    testTimeout: 90_000,
    hookTimeout: 180_000,
  },
});
