import type { MessageInitShape } from '@bufbuild/protobuf';
import type { BlockRefSchema, CauseSchema, PositionChangedSchema } from '@skein/contracts/staking';
import { federationCaseId } from '@skein/kernel';
import type { BlockRef, WalletFact } from '../domain/facts.js';
import type { HeldStake, PositionChanged } from '../domain/position/position.events.js';

export const refMessage = ({ number, hash }: BlockRef): MessageInitShape<typeof BlockRefSchema> => ({ number: BigInt(number), hash });

export const causeMessage = (cause: { txHash: string; ordinal: number }, fact: { kind: string }): MessageInitShape<typeof CauseSchema> => ({
  txHash: cause.txHash,
  ordinal: cause.ordinal,
  kind: fact.kind,
  ...('caseId' in fact ? { caseId: String(fact.caseId) } : {}),
});

/** Which case a slash is of, and where. The contract counts rounds from 0. */
function slashOf(fact: WalletFact): { caseId?: string; task?: string } {
  const task = 'taskId' in fact ? `tasks/${fact.taskId}` : '';
  if (fact.kind === 'slashed') return { caseId: fact.caseId, task };
  return fact.kind === 'federation-slashed' ? { caseId: federationCaseId(fact.taskId, fact.round + 1, fact.wallet), task } : {};
}

/** What a wallet has in each task: a stake in a federated task counts as a participant's, in whichever contract it lies. */
function allStakes({ stakes, memberships = [] }: Pick<PositionChanged['data'], 'stakes' | 'memberships'>): HeldStake[] {
  const all = [...stakes];
  for (const { taskId, units } of memberships) {
    const at = all.findIndex((stake) => stake.taskId === taskId && stake.role === 'participant');
    if (at < 0) all.push({ taskId, role: 'participant', units });
    else all[at] = { ...all[at]!, units: all[at]!.units + units };
  }
  return memberships.length === 0 ? all : all.sort((a, b) => (a.taskId + a.role < b.taskId + b.role ? -1 : 1));
}

/** The public form of a position; `version` is its stream's. */
export function positionMessage(data: PositionChanged['data'], version: number): MessageInitShape<typeof PositionChangedSchema> {
  const { wallet, asOf, cause, fact, locks } = data;
  return {
    wallet,
    version: BigInt(version),
    asOf: refMessage(asOf),
    locks: { count: locks.count, flockUnits: locks.flock.toString(), gmFlockUnits: locks.gmFlock.toString() },
    stakes: allStakes(data).map(({ taskId, role, units }) => ({ task: `tasks/${taskId}`, role, units: units.toString() })),
    cause: { ...causeMessage(cause, fact), ...slashOf(fact) },
  };
}
