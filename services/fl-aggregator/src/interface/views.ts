import type { MessageInitShape } from '@bufbuild/protobuf';
import type { FederatedTaskSchema, PoolSchema, RoundSchema } from '@skein/contracts/federation';
import { federationCaseId } from '@skein/kernel';
import { nextRound } from '../domain/index.js';
import type { FederationState, Pool } from '../domain/index.js';
import type { RoundRow } from '../projections/federation.queries.js';
import { manifestMessage } from './manifest.mapper.js';
import { taskName } from './names.js';

/** The pool's accounts. */
export const poolMessage = (pool: Pool): MessageInitShape<typeof PoolSchema> => ({
  asset: 'FLOCK',
  grantedUnits: pool.granted.toString(),
  slashedUnits: pool.slashed.toString(),
  paidUnits: pool.paid.toString(),
  callersUnits: pool.callers.toString(),
  leftUnits: pool.left.toString(),
});

/** The task as its stream tells it now. */
export function taskMessage(state: FederationState): MessageInitShape<typeof FederatedTaskSchema> {
  const dueAtMs = state.round && state.round.phase !== 'aggregating' ? state.round.dueAtMs : state.phase === 'joining' ? state.joiningDueAtMs : 0;
  return {
    name: taskName(state.id),
    creator: state.creator,
    manifest: manifestMessage(state.manifest!),
    phase: state.round?.phase ?? state.phase,
    round: state.phase === 'finished' ? state.roundsDone : (state.round?.round ?? nextRound(state)),
    roundsDone: state.roundsDone,
    dueAtMs: BigInt(dueAtMs),
    weightsSha256: state.modelSha256,
    modelSha256: state.exportedSha256 ?? '',
    pool: poolMessage(state.pool),
  };
}

const staked = (nodes: readonly { node: string; stake: string }[]) => nodes.map(({ node, stake }) => ({ node, stakeUnits: stake }));

/** Empty in rows from before it was recorded. */
const tokens = (units: string, gm: string | undefined) => (gm === undefined ? {} : { flockUnits: (BigInt(units) - BigInt(gm)).toString(), gmFlockUnits: gm });

/** A round as the projection has it. Hashes of updates are told only once contributing has closed: before that they would let a node copy. */
export function roundMessage(row: RoundRow): MessageInitShape<typeof RoundSchema> {
  const shown = row.status === 'contributing' ? [] : row.contributions;
  return {
    round: row.round,
    status: row.status,
    beaconKind: row.beacon_kind,
    beaconValue: row.beacon_value,
    proposers: staked(row.proposers),
    voters: staked(row.voters),
    contributions: shown.map(({ node, sha256, examples, norm, score }) => ({ node, sha256, examples, norm, robustScore: score ?? 0 })),
    aggregateSha256: row.aggregate_sha256,
    weightsSha256: row.weights_sha256,
    sum: row.sum,
    rewardUnits: row.reward,
    slashes: row.slashes.map((slash) => ({ ...slash, caseId: federationCaseId(row.task_id, row.round, slash.node) })),
    payments: row.payments.map(({ node, units, gm }) => ({ node, units, ...tokens(units, gm) })),
    callerUnits: row.caller_units,
    poolLeftUnits: row.pool_left,
    openedAtMs: BigInt(row.opened_at_ms),
    closedAtMs: BigInt(row.closed_at_ms),
  };
}
