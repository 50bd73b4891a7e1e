import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import {
  FederatedTaskApprovedSchema, FederatedTaskFinishedSchema, FederationNodeExcludedSchema, FederationNodeJoinedSchema, RoundOpenedSchema,
  RoundSettledSchema, RoundVoidedSchema,
} from '@skein/contracts/federation';
import type { Recorded, RecordedEvent } from '@skein/events';
import { federationCaseId } from '@skein/kernel';
import { publicMessage } from '@skein/messaging';
import { stakeBlockField } from '@skein/platform';
import type { Publication, PublicMessage } from '@skein/messaging';
import type { FederationEvent, Payment, PoolMovement, StakedNode } from '../domain/index.js';

/** Topic of federation's public events. */
export const TOPIC = 'federation.round.v1';

const taskIdOf = (event: RecordedEvent): string => event.streamId.slice('federation-'.length);
const taskName = (event: RecordedEvent): string => `federatedTasks/${taskIdOf(event)}`;
const staked = (nodes: readonly StakedNode[]) => nodes.map(({ node, stake }) => ({ node, stakeUnits: stake.toString() }));
const paid = (payments: readonly Payment[]) =>
  payments.map(({ node, units, gm }) => ({ node, units: units.toString(), flockUnits: (units - gm).toString(), gmFlockUnits: gm.toString() }));
const moneyOf = (event: RecordedEvent, money: PoolMovement & { readonly round: number }) => ({
  slashes: money.slashes.map(({ node, units, reason }) => ({
    node, units: units.toString(), reason, caseId: federationCaseId(taskIdOf(event), money.round, node),
  })),
  caller: money.caller ?? '',
  callerUnits: money.callerUnits.toString(),
  poolLeftUnits: money.left.toString(),
  poolLeftGmFlockUnits: money.leftGm.toString(),
});

function messageOf(event: Recorded<FederationEvent>): PublicMessage | undefined {
  const task = taskName(event);
  const as = <Desc extends DescMessage>(schema: Desc, message: MessageInitShape<Desc>): PublicMessage =>
    publicMessage({ event, topic: TOPIC, schema, message });
  switch (event.type) {
    case 'skein.federation.task.approved.v1': {
      const { pool, stakeThreshold, latestEndMs, slashBps } = event.data;
      const amounts = { poolUnits: pool.toString(), stakeThresholdUnits: stakeThreshold.toString() };
      return as(FederatedTaskApprovedSchema, { task, ...event.data.task, ...amounts, latestEndMs: BigInt(latestEndMs), slashBps });
    }
    case 'skein.federation.node.joined.v1':
      return as(FederationNodeJoinedSchema, { task, node: event.data.node, stakeUnits: event.data.stake.toString(), ...stakeBlockField(event.data.stakeBlock) });
    case 'skein.federation.node.excluded.v1': {
      const { node, round, stake } = event.data;
      return as(FederationNodeExcludedSchema, { task, node, round, stakeUnits: stake.toString(), ...stakeBlockField(event.data.stakeBlock) });
    }
    case 'skein.federation.round.opened.v1': {
      const { round, beacon, proposers, voters } = event.data;
      const draw = { beaconKind: beacon.kind, beaconValue: beacon.value };
      return as(RoundOpenedSchema, { task, round, ...draw, proposers: staked(proposers), voters: staked(voters), ...stakeBlockField(event.data.stakeBlock) });
    }
    case 'skein.federation.round.settled.v1': {
      const { round, outcome, modelSha256, reward, payments } = event.data;
      const result = { outcome, weightsSha256: modelSha256, rewardUnits: reward.toString(), payments: paid(payments) };
      return as(RoundSettledSchema, { task, round, ...result, ...moneyOf(event, event.data) });
    }
    case 'skein.federation.round.voided.v1': {
      const { round, reason } = event.data;
      return as(RoundVoidedSchema, { task, round, reason, ...moneyOf(event, event.data) });
    }
    case 'skein.federation.model.exported.v1': {
      const { sha256, modelSha256, contributors, left, leftGm } = event.data;
      const members = contributors.map(({ node, examples }) => ({ node, examples: BigInt(examples) }));
      const model = { weightsSha256: modelSha256, modelSha256: sha256, contributors: members, poolLeftUnits: left.toString(), poolLeftGmFlockUnits: leftGm.toString() };
      return as(FederatedTaskFinishedSchema, { task, ...event.data.task, ...model });
    }
    default:
      return undefined;
  }
}

/** What the rest of Skein learns of federated tasks. Contributions and votes stay private. */
export const federationPublication: Publication = {
  name: 'federation',
  topic: TOPIC,
  types: ['task.approved', 'node.joined', 'node.excluded', 'round.opened', 'round.settled', 'round.voided', 'model.exported'].map(
    (name) => `skein.federation.${name}.v1`,
  ),
  map: (event) => messageOf(event as Recorded<FederationEvent>),
};
