export * from './commitment.js';
export * from './competitor.js';
export * from './export.js';
export * from './network.js';
