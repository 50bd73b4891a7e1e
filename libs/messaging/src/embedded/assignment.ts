import { murmur2 } from '../partitioner.js';
import { utf8 } from '@skein/kernel';
import type { LeaseRow, MemberRow, PartitionRow } from './log-database.js';

/**
 * Who should hold a partition: the members that subscribe to its topic take turns, in joining order, beginning at a place
 * that depends on the topic. Every member computes the same from the same roster, so no coordinator is needed.
 */
export function preferredMember(partition: PartitionRow, roster: readonly MemberRow[]): string | undefined {
  const candidates = roster.filter((member) => member.topics.includes(partition.topic));
  if (candidates.length === 0) return undefined;
  const turn = (murmur2(utf8(partition.topic)) & 0xffff) + partition.partition;
  return candidates[turn % candidates.length]!.member;
}

/** What a member has to do next: take partitions that nobody alive holds, hand back those that are another's turn. */
export interface Plan {
  readonly claim: readonly number[];
  readonly handBack: readonly number[];
}

/** Plans one member of a group from the group's leases and live members. */
export function planFor(member: string, leases: readonly LeaseRow[], roster: readonly MemberRow[]): Plan {
  const alive = new Set(roster.map((row) => row.member));
  const claim: number[] = [];
  const handBack: number[] = [];
  for (const lease of leases) {
    const mine = lease.member === member;
    const wanted = preferredMember(lease, roster) === member;
    if (wanted && !mine && (lease.member === null || !alive.has(lease.member))) claim.push(lease.id);
    if (!wanted && mine) handBack.push(lease.id);
  }
  return { claim, handBack };
}
