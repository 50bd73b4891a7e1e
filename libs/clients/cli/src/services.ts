/** The services by name, with the first segment of their REST paths. */
export const CONTEXT_OF: Readonly<Record<string, string>> = {
  arena: 'arena', validation: 'validation', 'fl-aggregator': 'federation', 'staking-indexer': 'staking', marketplace: 'marketplace', billing: 'billing',
};

/** Names of all services. */
export const SERVICES: readonly string[] = Object.keys(CONTEXT_OF);

/** A service by its name or its context's. */
export const serviceNamed = (name: string): string | undefined => SERVICES.find((service) => service === name || CONTEXT_OF[service] === name);
