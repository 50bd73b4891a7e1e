export * from './actions.js';
export * from './address-book.js';
export * from './chain-client.js';
export * from './deploy.js';
export * from './ensure.js';
export * from './gen/index.js';
export * from './ids.js';
export * from './lock-multiplier.js';
