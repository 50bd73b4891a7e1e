import type { Cluster, ClusterProcess } from '@skein/cluster';
import type { Fault } from './fault.js';
import { faults } from './faults.js';
import { everyNetworkFault } from './network-faults.js';
import { askToEnd, combined, once, SERVICES } from './strikes.js';

const processesOf = ({ processes }: Cluster, service: string): Cluster['processes'] => processes.filter(({ id }) => id.service === service);

/** All processes of each service are struck at once, each service at a moment of its own. */
const each = (strike: (one: ClusterProcess) => Promise<void> | void): Fault['prepare'] => async ({ play }, random) =>
  combined(SERVICES.map((service) => once(play, random, service, async ({ cluster }) => void (await Promise.all(processesOf(cluster, service).map(strike))))));

/** Those of the short scenario that strike all of a story as well. */
const SHARED = ['postgres.restart', 'kafka.restart', 'kafka.pause', 'deliveries.kafka', 'clock.step', 'disk.full'];

/** What the whole story is played through: one of each kind of fault, and each service is killed and asked to end once. */
export const storyFaults: readonly Fault[] = [
  { name: 'story.kill', what: 'kill -9 of all processes of each service, one service after the other', prepare: each((one) => one.kill()) },
  { name: 'story.sigterm', what: 'SIGTERM of all processes of each service under load, one service after the other', prepare: each((one) => askToEnd(one)) },
  { name: 'story.network', what: 'delayed, lost, half-open and reset connections to PostgreSQL, Kafka and other services', prepare: everyNetworkFault },
  ...SHARED.flatMap((wanted) => faults.filter(({ name }) => name === wanted)).map((fault): Fault => ({ ...fault, name: `story.${fault.name}` })),
];
