export { isolationReport } from './isolation.js';
export * from './profile.js';
export { RunnerPool, type RunnerPoolOptions } from './runner-pool.js';
export { defaultRunnerLimits, residentKib } from './runner-process.js';
export * from './tensors.js';
export * from './types.js';
