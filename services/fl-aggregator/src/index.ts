export * from './fl-aggregator.service.js';
export { federationProjection } from './projections/federation.projection.js';
