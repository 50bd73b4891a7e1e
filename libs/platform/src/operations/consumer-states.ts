import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ConsumerMemberSchema, ConsumerPartitionSchema } from '@skein/contracts/operations';
import { countParked, listHalts, listStalls, type ConsumerHalt, type ConsumerStall, type EventLog, type Lag, type MemberState } from '@skein/messaging';
import type { Pool } from 'pg';
import type { ConsumerDefinition } from '../service-definition.js';

type Partition = MessageInitShape<typeof ConsumerPartitionSchema> & { readonly topic: string; readonly partition: number; readonly lag: bigint; readonly parked: number; readonly state: PartitionState };
type Member = MessageInitShape<typeof ConsumerMemberSchema>;

/** The better ones first. */
const STATES = ['reading', 'behind', 'unread', 'retrying', 'resuming', 'halted'] as const;
type PartitionState = (typeof STATES)[number];

/** A place in the log. */
interface Place {
  readonly topic: string;
  readonly partition: number;
}

/** What the service's own database knows of its groups. */
interface Known {
  readonly halts: readonly ConsumerHalt[];
  readonly stalls: readonly ConsumerStall[];
  readonly parked: Awaited<ReturnType<typeof countParked>>;
}

const same = (one: Place, other: Place): boolean => one.topic === other.topic && one.partition === other.partition;
const nameOf = ({ topic, partition }: Place): string => `${topic}/${partition}`;

function stateOf(halt: ConsumerHalt | undefined, stall: ConsumerStall | undefined, unread: boolean, lag: bigint): PartitionState {
  if (halt !== undefined) return halt.resuming ? 'resuming' : 'halted';
  if (unread) return 'unread';
  if (stall !== undefined) return 'retrying';
  return lag > 0n ? 'behind' : 'reading';
}

function reasonOf(halt: ConsumerHalt | undefined, stall: ConsumerStall | undefined): string {
  if (halt !== undefined) return `offset ${halt.message.offset}: ${halt.reason}`;
  return stall === undefined ? '' : `for ${stall.seconds} s: ${stall.reason}`;
}

function partitionOf({ group, policy }: ConsumerDefinition, { topic, partition, committed, head, lag }: Lag, members: readonly MemberState[] | undefined, known: Known): Partition {
  const here = { topic, partition };
  const halt = known.halts.find((one) => one.group === group && same(one.message, here));
  const stall = known.stalls.find((one) => one.group === group && same(one, here));
  const parked = known.parked.find((one) => one.group === group && same(one, here))?.parked ?? 0;
  const holder = members?.find(({ assignment }) => assignment.some((held) => same(held, here)));
  const state = stateOf(halt, stall, members !== undefined && holder === undefined, lag);
  return { group, policy, topic, partition, committed, head, lag, parked, state, reason: reasonOf(halt, stall), process: holder?.process ?? '' };
}

const worst = (partitions: readonly Partition[], none: string): string =>
  STATES.findLast((state) => partitions.some((one) => one.state === state)) ?? none;
const total = (partitions: readonly Partition[]): { lag: bigint; parked: number } =>
  ({ lag: partitions.reduce((sum, { lag }) => sum + lag, 0n), parked: partitions.reduce((sum, { parked }) => sum + parked, 0) });

function membersOf({ group, policy }: ConsumerDefinition, partitions: readonly Partition[], members: readonly MemberState[] | undefined): Member[] {
  if (members === undefined) return [];
  if (members.length === 0) return [{ group, policy, member: '', process: '', assignment: [], ...total(partitions), state: worst(partitions, 'unread'), ageMs: -1n }];
  return members.map(({ member, process, assignment, ageMs }) => {
    const held = partitions.filter((one) => assignment.some((at) => same(at, one)));
    return { group, policy, member, process, assignment: assignment.map(nameOf), ...total(held), state: worst(held, 'idle'), ageMs: BigInt(Math.round(ageMs ?? -1)) };
  });
}

/** How far the groups are, and who reads for them: of every process, as the event log and the service's database know it. */
export async function consumerStates(pool: Pool, log: EventLog, consumers: readonly ConsumerDefinition[]): Promise<{ partitions: Partition[]; members: Member[] }> {
  const [halts, stalls, parked] = await Promise.all([listHalts(pool), listStalls(pool), countParked(pool)]);
  const groups = await Promise.all(consumers.map(async (consumer) => {
    const [lags, members] = await Promise.all([log.lag(consumer.group), log.members?.(consumer.group)]);
    const partitions = lags.map((lag) => partitionOf(consumer, lag, members, { halts, stalls, parked }));
    return { partitions, members: membersOf(consumer, partitions, members) };
  }));
  return { partitions: groups.flatMap(({ partitions }) => partitions), members: groups.flatMap(({ members }) => members) };
}
