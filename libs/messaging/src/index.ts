export * from './event-log.js';
export * from './consumer.types.js';
export * from './publication.js';
