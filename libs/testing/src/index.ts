export * from './database.js';
export * from './eventually.js';
export * from './fakes.js';
export * from './golden-story.js';
export * from './spec-of.js';
export * from './spawn-ts.js';
export * from './fault-proxy.js';
export * from './otlp-sink.js';
