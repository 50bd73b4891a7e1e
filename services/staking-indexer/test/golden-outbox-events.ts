import type { GrantsEvent } from '../src/domain/grants/grants.events.js';
import type { OutboxEvent } from '../src/domain/outbox/outbox.events.js';

const hash = (digit: string): string => `0x${digit.repeat(64)}`;
const account = (digit: string): string => `0x${digit.repeat(40)}`;
const taskId = '0192f0c1-2b3c-7def-8123-456789abcdef';
const id = `federatedTasks/${taskId}/rounds/3/settlement`;
const block = { number: 14, hash: hash('e') };
const refusal = { error: 'WrongRound', message: `WrongRound(0x${taskId.replaceAll('-', '')}, 3, 2)` };

/** One event of each type of the outbox and of what was granted, as version 1 of its schema was first written. */
export const goldenOutboxEvents: readonly (GrantsEvent | OutboxEvent)[] = [
  { type: 'skein.staking.signer.started.v1', data: { chainId: 31337, signer: account('5'), nonce: 7 } },
  {
    type: 'skein.staking.intent.accepted.v1',
    data: {
      id,
      intent: {
        kind: 'settle-round', taskId, round: 3, caller: account('0'),
        slashes: [{ wallet: account('a'), amount: 5n * 10n ** 18n }],
        pays: [{ wallet: account('b'), flock: 10n ** 18n, gm: 0n }],
      },
      acceptedAtMs: 1_790_000_000_000,
    },
  },
  {
    type: 'skein.staking.transaction.signed.v1',
    data: {
      id,
      nonce: 7,
      transaction: { hash: hash('1'), raw: 'AvhyggppB4Q=', call: '2'.repeat(64), gas: 210_000n, feeMax: 30_000_000_000n, tipMax: 1_000_000_000n, signedAtMs: 1_790_000_001_000 },
    },
  },
  { type: 'skein.staking.transaction.reverted.v1', data: { id, nonce: 7, hash: hash('1'), block, refusal, atMs: 1_790_000_002_000 } },
  { type: 'skein.staking.intent.settled.v1', data: { id, how: 'mined', hash: hash('1'), block } },
  { type: 'skein.staking.intent.parked.v1', data: { id, refusal, atMs: 1_790_000_002_000 } },
  { type: 'skein.staking.intent.contradicted.v1', data: { id, difference: 'sum is 4 on chain, 5 was decided', block } },
  { type: 'skein.staking.intent.withdrawn.v1', data: { id, reason: 'settled by hand' } },
  { type: 'skein.staking.signer.frozen.v1', data: { rule: 'nonce-used-elsewhere', message: 'nonce 7 was used by a transaction that is not ours' } },
  { type: 'skein.staking.signer.thawed.v1', data: { nonce: 8 } },
  {
    type: 'skein.staking.grants.decided.v1',
    data: { number: 1, cause: `tasks/${taskId}/final`, grants: [{ account: account('a'), taskId, units: 7n * 10n ** 18n, start: 1_790_000_000n, duration: 2_592_000n }] },
  },
  { type: 'skein.staking.root.decided.v1', data: { epoch: 20_000n, root: hash('d'), sum: 7n * 10n ** 18n, decisions: 1 } },
];
