export * from './gen/common.js';
export * from './event-types.js';
