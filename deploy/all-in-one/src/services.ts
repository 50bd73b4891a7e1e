import type { ServiceDefinition } from '@skein/platform';

/** The services. Only here do they stand side by side. */
export const definitions: readonly ServiceDefinition[] = [];
