import type { Cluster } from '@skein/cluster';
import { OperationsService } from '@skein/contracts/operations';
import { Actor } from '../demo/actor.js';
import type { Devnet } from '../process/skein-process.js';
import { CONTEXT_OF } from './final-state.js';

/** Every consumer group that the services define, as each of them tells its operator. */
export async function groupsOf(devnet: Devnet, services: Cluster['services']): Promise<string[]> {
  const operator = await Actor.create('operator', devnet.seed, devnet, devnet.operatorToken);
  try {
    const told = await Promise.all(services.map((service) => operator.client(OperationsService, service).listConsumers({ context: CONTEXT_OF[service] as string })));
    return [...new Set(told.flatMap(({ partitions, members }) => [...partitions, ...members].map(({ group }) => group)))].sort();
  } finally {
    operator.close();
  }
}
