export * from './errors.js';
export * from './grpc-client.js';
export * from './rest.js';
export * from './retry.js';
export * from './retrying.js';
export * from './session.js';
