import type { Assigner, GroupDescription } from 'kafkajs';
import type { MemberState } from '../event-log.js';
import type { loadKafkaJs } from './kafkajs-load.js';
import { memberNote, memberState } from './member-note.js';

type KafkaJs = ReturnType<typeof loadKafkaJs>;

/** The assigner, with the member's note in its subscription. */
export function noting({ AssignerProtocol }: KafkaJs, assigner: Assigner, sinceMs: number): Assigner {
  const { name, version } = assigner;
  return {
    name, version,
    assign: (group) => assigner.assign(group),
    protocol: ({ topics }) => ({ name, metadata: AssignerProtocol.MemberMetadata.encode({ version, topics, userData: memberNote(sinceMs) }) }),
  };
}

/** The live members of a group as its coordinator tells them; nothing is assigned while the group is changing hands. */
export function memberStates({ AssignerProtocol: { MemberAssignment, MemberMetadata } }: KafkaJs, { members }: GroupDescription, nowMs: number): MemberState[] {
  return members.map(({ memberId: id, clientId, clientHost, memberMetadata, memberAssignment }) => {
    const assigned = memberAssignment.length === 0 ? null : MemberAssignment.decode(memberAssignment);
    const assignment = Object.entries(assigned?.assignment ?? {}).map(([topic, partitions]) => ({ topic, partitions }));
    const userData = memberMetadata.length === 0 ? undefined : MemberMetadata.decode(memberMetadata)?.userData;
    return memberState({ id, clientId, clientHost, userData, assignment }, nowMs);
  });
}
