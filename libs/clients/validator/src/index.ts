export * from './external-validator.js';
export * from './seal.js';
