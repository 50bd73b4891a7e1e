import type { MessageShape } from '@bufbuild/protobuf';
import { FederatedTaskApprovedSchema, FederatedTaskFinishedSchema, RoundSettledSchema, RoundVoidedSchema } from '@skein/contracts/federation';
import { parseWallet } from '@skein/kernel';
import type { DeliveryMetadata, MessageHandler } from '@skein/messaging';
import type { TakeDecisions } from '../../application/outbox/take-decisions.js';
import type { RoundPay, RoundSlash } from '../../domain/outbox/intent.js';
import { NOBODY } from '../grpc/intent.mapper.js';
import { seconds, taking, unitsOf } from './decisions.consumer.js';

const ROUNDS = 'federation.round.v1';

const taskIdOf = (name: string): string => name.replace(/^federatedTasks\//, '');
const addressOf = (wallet: string): string => parseWallet(wallet).address;
/** As the contract wants its lists, so that nobody is named twice. */
const ascending = <T extends { readonly wallet: string }>(list: readonly T[]): T[] => list.toSorted((a, b) => (a.wallet < b.wallet ? -1 : 1));

type Money = Pick<MessageShape<typeof RoundSettledSchema>, 'task' | 'round' | 'slashes' | 'caller'> & Partial<Pick<MessageShape<typeof RoundSettledSchema>, 'payments'>>;

const slashesOf = ({ slashes }: Money): RoundSlash[] =>
  ascending(slashes.map(({ node, units }) => ({ wallet: addressOf(node), amount: unitsOf(units) })).filter(({ amount }) => amount > 0n));

const paysOf = ({ payments = [] }: Money): RoundPay[] =>
  ascending(
    payments
      .map(({ node, flockUnits, gmFlockUnits }) => ({ wallet: addressOf(node), flock: unitsOf(flockUnits), gm: unitsOf(gmFlockUnits) }))
      .filter(({ flock, gm }) => flock > 0n || gm > 0n),
  );

/**
 * Money of federated tasks: one settlement per round, void ones included, because the contract counts them all, from 0. What was decided
 * before messages said how payments divide is not for the chain.
 */
export function roundHandlers(decisions: TakeDecisions): readonly MessageHandler[] {
  const on = taking(decisions);
  const settled = async (money: Money, metadata: DeliveryMetadata): Promise<void> => {
    const at = { taskId: taskIdOf(money.task), round: money.round - 1 };
    await decisions.intent({ kind: 'open-round', ...at }, metadata);
    const caller = money.caller === '' ? NOBODY : addressOf(money.caller);
    await decisions.intent({ kind: 'settle-round', ...at, caller, slashes: slashesOf(money), pays: paysOf(money) }, metadata);
  };
  return [
    on(ROUNDS, 'skein.federation.task.approved.v1', FederatedTaskApprovedSchema, async ({ task, creator, latestEndMs, rounds, slashBps, stakeThresholdUnits }, metadata) => {
      if (latestEndMs === 0n) return;
      const terms = { sponsor: addressOf(creator), latestEnd: seconds(latestEndMs), rounds, slashBps, threshold: unitsOf(stakeThresholdUnits) };
      await decisions.intent({ kind: 'create-federation', taskId: taskIdOf(task), ...terms }, metadata);
    }),
    on(ROUNDS, 'skein.federation.round.settled.v1', RoundSettledSchema, async (message, metadata) => {
      if (message.poolLeftGmFlockUnits !== '') await settled(message, metadata);
    }),
    on(ROUNDS, 'skein.federation.round.voided.v1', RoundVoidedSchema, async (message, metadata) => {
      if (message.poolLeftGmFlockUnits !== '') await settled(message, metadata);
    }),
    on(ROUNDS, 'skein.federation.model.exported.v1', FederatedTaskFinishedSchema, async ({ task, poolLeftGmFlockUnits }, metadata) => {
      if (poolLeftGmFlockUnits !== '') await decisions.intent({ kind: 'finish-federation', taskId: taskIdOf(task) }, metadata);
    }),
  ];
}
