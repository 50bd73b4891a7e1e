export * from './export.js';
export * from './network.js';
