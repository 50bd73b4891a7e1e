import type { ServiceName } from '@skein/platform';

/** Which event log the services share. */
export type EventLogKind = 'kafka' | 'embedded';

/** What runs beside each other in one process of a service. */
export type ProcessRole = 'api' | 'worker' | 'all';

/** Names one process of the cluster. Instances count from 0. */
export interface ProcessId {
  readonly service: ServiceName;
  readonly role: ProcessRole;
  readonly index: number;
}

/** One connection that a process makes: whoever wants to stand in between may answer with a port of its own. */
export interface Edge {
  readonly from: ProcessId;
  readonly to: 'postgres' | 'event-log' | ServiceName;
  /** Where it would connect without anybody in between. */
  readonly host: string;
  readonly port: number;
}

/** How a cluster is started. */
export interface ClusterOptions {
  /** Folder with everything that must survive. */
  readonly data: string;
  /** Secrets, keys and beacon follow from it; kept from the first start on, random where it is not given. */
  readonly seed?: string;
  /** First of the ports; default: a free block below the ports that the system gives to outgoing connections. */
  readonly portBase?: number;
  /** Default: kafka. */
  readonly eventLog?: EventLogKind;
  /** Kafka of one's own, `host:port,host:port`, instead of the embedded one. */
  readonly kafkaBrokers?: string;
  /** Where Kafka's jars are kept; default `~/.cache/skein`. */
  readonly cacheDir?: string;
  /** Administrator's URL of a PostgreSQL of one's own, instead of the embedded one; databases and roles are made there. */
  readonly databaseUrl?: string;
  /** `split` (default): API and workers are processes of their own. `all`: each instance is one process. */
  readonly roles?: 'split' | 'all';
  /** Processes of each role of a service; default 2 of arena and billing, 1 of the others. */
  readonly instances?: Partial<Record<ServiceName, number>>;
  /** Only these services; default: all six. */
  readonly services?: readonly ServiceName[];
  /** Start what died again; default true. */
  readonly supervise?: boolean;
  /** Migrate and apply the topics first; default true. False for databases that are made from a template. */
  readonly migrate?: boolean;
  /** PostgreSQL without flushing to disk; default false. */
  readonly ephemeral?: boolean;
  /** Additional environment of a process. Read at each of its starts. */
  readonly env?: (id: ProcessId) => Readonly<Record<string, string>>;
  /** Additional arguments of Node before the script, such as `--import`. Read at each start. */
  readonly nodeArgs?: (id: ProcessId) => readonly string[];
  /** Another port for one edge, or undefined. Asked once for each edge, at the first start of `from`. */
  readonly via?: (edge: Edge) => Promise<number | undefined> | number | undefined;
  /** No log lines of services below warnings; default true. */
  readonly quiet?: boolean;
  /** Aborted: a start under way is given up, and what was started is stopped. */
  readonly signal?: AbortSignal;
  /** Hears what the cluster itself does: what died, what was started again. */
  readonly say?: (line: string) => void;
  /** Hears the output of the processes, line by line. */
  readonly output?: (id: ProcessId, line: string) => void;
}
