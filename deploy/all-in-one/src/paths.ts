import type { ServiceName } from '@skein/platform';

/** First path segment → the service that answers. `/v2` is the Open Inference Protocol. */
export const CONTEXTS: Readonly<Record<string, ServiceName>> = {
  arena: 'arena',
  validation: 'validation',
  federation: 'fl-aggregator',
  staking: 'staking-indexer',
  marketplace: 'marketplace',
  billing: 'billing',
  v2: 'marketplace',
};

/** A service's own health and metrics behind a front port; the second group is the path that the service knows. */
export const OWN_PATH = /^\/([a-z]+)(\/(?:health\/(?:live|ready)|metrics))$/;

const contexts = Object.keys(CONTEXTS).filter((name) => name !== 'v2');

/** What a front port answers at `/`. */
export const FRONT_INDEX = { name: 'skein', health: '/health/ready', openapi: contexts.map((name) => `/${name}/openapi.json`), metrics: contexts.map((name) => `/${name}/metrics`), inference: '/v2' };
