import { goldenChainEvents } from './golden-chain-events.js';
import { goldenCopyEvents } from './golden-copy-events.js';
import { goldenOutboxEvents } from './golden-outbox-events.js';
import { goldenPoolEvents } from './golden-pool-events.js';
import type { CaseChanged } from '../src/domain/case/case.decider.js';
import type { ChainEvent } from '../src/domain/chain/chain.events.js';
import type { ChainFact } from '../src/domain/facts.js';
import type { FinalityReached } from '../src/domain/finality/finality.decider.js';
import type { GrantsEvent } from '../src/domain/grants/grants.events.js';
import type { OutboxEvent } from '../src/domain/outbox/outbox.events.js';
import type { ReconciliationEvent } from '../src/domain/reconciliation/reconciliation.events.js';
import type { PoolChanged } from '../src/domain/pool/pool.events.js';
import type { PositionEvent } from '../src/domain/position/position.events.js';
import type { SigmaChanged } from '../src/domain/sigma/sigma.decider.js';

const wallet = 'eip155:31337:0x70997970c51812dc3a010c7d01b50e0d17dc79c8';
const taskId = '0192f0c1-2b3c-7def-8123-456789abcdef';
const hash = (digit: string): string => `0x${digit.repeat(64)}`;
const asOf = { number: 14, hash: hash('e') };

const staked: ChainFact = {
  blockNumber: 12,
  blockHash: hash('c'),
  logIndex: 3,
  txHash: hash('7'),
  ordinal: 1,
  fact: { kind: 'staked', taskId, role: 'validator', wallet, amount: 2_000n * 10n ** 18n, balance: 3_000n * 10n ** 18n },
};

/** One event of each type, as version 1 of its schema was first written. */
export const goldenEvents: readonly (CaseChanged | ChainEvent | FinalityReached | GrantsEvent | OutboxEvent | PoolChanged | PositionEvent | ReconciliationEvent | SigmaChanged)[] = [
  ...goldenChainEvents,
  {
    type: 'skein.staking.chain.started.v1',
    data: { chainId: 31337, genesis: { number: 0, hash: hash('0') }, cursor: { number: 7, hash: hash('9') } },
  },
  { type: 'skein.staking.fact.observed.v1', data: staked },
  { type: 'skein.staking.fact.finalised.v1', data: { ...staked, asOf } },
  {
    type: 'skein.staking.blocks.reverted.v1',
    data: { ancestor: { number: 11, hash: hash('b') }, blocks: [{ number: 13, hash: hash('d') }, { number: 12, hash: hash('c') }] },
  },
  { type: 'skein.staking.cursor.moved.v1', data: { cursor: { number: 15, hash: hash('f') }, finalised: asOf } },
  {
    type: 'skein.staking.position.changed.v1',
    data: {
      wallet,
      asOf,
      cause: { txHash: hash('7'), ordinal: 1 },
      fact: { kind: 'staked', taskId, role: 'validator', wallet, amount: 2_000n * 10n ** 18n, balance: 3_000n * 10n ** 18n },
      locks: { count: 1, flock: 10_000n * 10n ** 18n, gmFlock: 11_800n * 10n ** 18n },
      stakes: [{ taskId, role: 'validator', units: 3_000n * 10n ** 18n }],
    },
  },
  ...goldenOutboxEvents,
  ...goldenPoolEvents,
  ...goldenCopyEvents,
];
