import type { ArtifactStore } from '@skein/artifacts';
import type { EventLog } from '@skein/messaging';
import type { Logger } from '../logger.js';

/** What the composition root hands to a service instead of letting it make its own. What is handed in is not closed by the service. */
export interface Adapters {
  readonly log?: EventLog;
  readonly artifacts?: ArtifactStore;
  readonly logger?: Logger;
  /** The caller has a front port and dispatches to `http.handler`: the service listens on no HTTP port of its own. */
  readonly frontPort?: boolean;
  /** Fail the start when a worker lacks a setting, as a process of its own does; otherwise that worker is dead and the rest runs. */
  readonly strict?: boolean;
  /** Longest time to wait for calls at a stop; default: `DRAIN_MS`. */
  readonly drainMs?: number;
}
