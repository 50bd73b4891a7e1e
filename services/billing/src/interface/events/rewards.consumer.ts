import { EpochRewardedSchema, LockedRewardsDividedSchema, VestingStartedSchema, type LockedReward } from '@skein/contracts/arena';
import { FederatedTaskApprovedSchema, RoundSettledSchema, RoundVoidedSchema } from '@skein/contracts/federation';
import { onMessage, type MessageHandler } from '@skein/messaging';
import type { Bookings } from '../../application/bookings.js';
import { taskLedger } from '../../application/names.js';
import { vestingTimer } from '../../application/vesting.js';
import { divisionBooking, epochBooking, grantBooking, roundBooking } from '../../domain/reward/bookings.policy.js';
import { ok } from '@skein/kernel';

const ARENA = 'arena.reward.v1';
const FEDERATION = 'federation.round.v1';
const ACTOR = 'service:billing';

const lockedRewards = (rewards: readonly LockedReward[]) =>
  rewards.map(({ wallet, lockedUnits, poolLockedUnits }) => ({ wallet, amount: BigInt(lockedUnits), poolAmount: BigInt(poolLockedUnits || '0') }));

const moneyOf = (units: string): bigint => BigInt(units || '0');

/** Rewards of arena tasks: minted = paid + locked + carried, booked per epoch; the locked pool divided, then vested. */
const arenaHandlers = (bookings: Bookings): readonly MessageHandler[] => [
  onMessage({
    topic: ARENA,
    type: 'skein.arena.epoch.rewarded.v1',
    schema: EpochRewardedSchema,
    handle: (message, delivery) => {
      const rewards = message.rewards.map((each) => ({ wallet: each.wallet, role: each.role, paid: moneyOf(each.paidUnits), poolPaid: moneyOf(each.poolPaidUnits) }));
      const epoch = {
        epoch: message.epoch, minted: moneyOf(message.mintedUnits), carriedIn: moneyOf(message.carriedInUnits), locked: moneyOf(message.lockedUnits),
        carriedOut: moneyOf(message.carriedOutUnits), rewards,
      };
      return bookings.book(epochBooking(taskLedger(message.task), delivery.causationId, epoch), delivery.metadata(ACTOR), delivery.inbox, message.stakeBlock?.number);
    },
  }),
  onMessage({
    topic: ARENA,
    type: 'skein.arena.locked-rewards.divided.v1',
    schema: LockedRewardsDividedSchema,
    handle: (message, delivery) => {
      const division = { locked: moneyOf(message.lockedUnits), carried: moneyOf(message.carriedUnits), rewards: lockedRewards(message.rewards) };
      return bookings.book(divisionBooking(taskLedger(message.task), delivery.causationId, division), delivery.metadata(ACTOR), delivery.inbox);
    },
  }),
  onMessage({
    topic: ARENA,
    type: 'skein.arena.vesting.started.v1',
    schema: VestingStartedSchema,
    handle: (message, delivery) => {
      const timer = vestingTimer(message.task, delivery.causationId, Number(message.startMs + message.durationMs), lockedRewards(message.rewards));
      return bookings.note(taskLedger(message.task), delivery.causationId, 'vesting-started', delivery.metadata(ACTOR), delivery.inbox, [timer]);
    },
  }),
];

/** Pools of federated tasks: granted + slashed = paid + callers + left, checked after every round. */
const federationHandlers = (bookings: Bookings): readonly MessageHandler[] => [
  onMessage({
    topic: FEDERATION,
    type: 'skein.federation.task.approved.v1',
    schema: FederatedTaskApprovedSchema,
    handle: (message, delivery) => bookings.book(ok(grantBooking(taskLedger(message.task), delivery.causationId, moneyOf(message.poolUnits))), delivery.metadata(ACTOR), delivery.inbox),
  }),
  ...[
    { type: 'skein.federation.round.settled.v1', schema: RoundSettledSchema },
    { type: 'skein.federation.round.voided.v1', schema: RoundVoidedSchema },
  ].map(({ type, schema }) =>
    onMessage({
      topic: FEDERATION,
      type,
      schema,
      handle: (message, delivery) => {
        const payments = 'payments' in message ? message.payments : [];
        const money = {
          round: message.round, caller: message.caller, callerAmount: moneyOf(message.callerUnits), poolLeft: moneyOf(message.poolLeftUnits),
          slashes: message.slashes.map(({ node, units }) => ({ node, amount: moneyOf(units) })),
          payments: payments.map(({ node, units }) => ({ node, amount: moneyOf(units) })),
        };
        return bookings.book(ok(roundBooking(taskLedger(message.task), delivery.causationId, money)), delivery.metadata(ACTOR), delivery.inbox);
      },
    }),
  ),
];

export const rewardHandlers = (bookings: Bookings): readonly MessageHandler[] => [...arenaHandlers(bookings), ...federationHandlers(bookings)];
