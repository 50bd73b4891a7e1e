export { Balancer, type Backend } from './balancer.js';
export { Cluster } from './cluster.js';
export { ClusterProcess, mainOf, type Ended } from './cluster-process.js';
export { layoutOf, nameOf, STANDARD_INSTANCES, type Layout, type PlannedProcess, type ProcessPorts } from './layout.js';
export type { ClusterOptions, Edge, EventLogKind, ProcessId, ProcessRole } from './options.js';
