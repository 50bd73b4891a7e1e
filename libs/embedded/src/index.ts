export * from './anvil.js';
export * from './free-port.js';
export * from './postgres.js';
export * from './postgres-databases.js';
