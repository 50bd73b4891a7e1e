export * from './api.js';
export * from './migrate.js';
export * from './types.js';
