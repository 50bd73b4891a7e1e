import type { RecordedEvent } from '@skein/events';
import type { PublicMessage } from './event-log.js';

/**
 * Maps domain events to public messages of one topic. `name` names the relay's checkpoint: another name publishes from the
 * beginning again. `map` is pure; `undefined` means that the event stays private. Use `publicMessage(event, …)` to build.
 */
export interface Publication {
  readonly name: string;
  readonly topic: string;
  /** Domain event types to read; all when absent. */
  readonly types?: readonly string[];
  /**
   * `whole-state`: each message tells all that is to be known of its key, so that the last one replaces all before it. Only
   * topics whose publications all say so may be compacted; a message that tells a change needs every other one of its key.
   */
  readonly messages?: 'changes' | 'whole-state';
  map(event: RecordedEvent): PublicMessage | undefined;
}
