export * from './failpoint.js';
export * from './trace.js';
export * from './redact.js';
export * from './logger.js';
export * from './metrics.js';
export * from './span.js';
export * from './tracing.js';
export { OPEN_METRICS_TYPE, wantsOpenMetrics } from './open-metrics.js';
