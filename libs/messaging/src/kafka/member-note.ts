import type { MemberState } from '../event-log.js';
import { PROCESS_NAME } from '../process-name.js';

/** What a member tells its group about itself; a broker knows neither its process nor since when it is there. */
interface MemberNote {
  readonly process: string;
  readonly sinceMs: number;
}

/** This process's note, the user data of a subscription. */
export const memberNote = (sinceMs: number): Buffer => Buffer.from(JSON.stringify({ process: PROCESS_NAME, sinceMs } satisfies MemberNote));

/** Another program's member has left something else there, or nothing. */
function noteIn(userData: Uint8Array | undefined): Partial<MemberNote> {
  try {
    const { process, sinceMs } = JSON.parse(Buffer.from(userData ?? []).toString()) as Record<string, unknown>;
    return { ...(typeof process === 'string' ? { process } : {}), ...(typeof sinceMs === 'number' ? { sinceMs } : {}) };
  } catch {
    return {};
  }
}

/** A member as a group's coordinator describes it. */
export interface DescribedMember {
  readonly id: string;
  readonly clientId: string;
  readonly clientHost: string;
  readonly userData: Uint8Array | undefined;
  readonly assignment: readonly { readonly topic: string; readonly partitions: readonly number[] }[];
}

/** The member as the port tells it. */
export function memberState({ id, clientId, clientHost, userData, assignment }: DescribedMember, nowMs: number): MemberState {
  const { process = `${clientId}@${clientHost.replace(/^\//, '')}`, sinceMs } = noteIn(userData);
  const places = assignment.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
  return {
    member: id, process,
    assignment: places.sort((one, other) => one.topic.localeCompare(other.topic) || one.partition - other.partition),
    ageMs: sinceMs === undefined ? undefined : Math.max(0, nowMs - sinceMs),
  };
}
