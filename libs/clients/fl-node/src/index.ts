export * from './fl-node.js';
export * from './local-model.js';
export { schemaOf } from './options.js';
export { runNode } from './run-node.js';
export * from './seal.js';
export * from './transfer.js';
