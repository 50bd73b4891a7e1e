import fc from 'fast-check';

// vitest's setup file of `npm run test:deep`: other cases than every day, and more of them where a spec does not say how many.
fc.configureGlobal({ seed: Number(process.env['DEEP_SEED'] ?? 1), numRuns: Number(process.env['DEEP_RUNS'] ?? 2_000) });
