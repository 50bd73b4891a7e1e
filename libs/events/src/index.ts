export * from './api.js';
export { MAX_EVENT_BYTES, MAX_EVENTS_PER_APPEND } from './commit.js';
export * from './inbox.js';
export * from './migrate.js';
export { EventStore, type EventStoreOptions, type ReadPage } from './store.js';
export { inTransaction, isTransient } from './transaction.js';
export * from './types.js';
