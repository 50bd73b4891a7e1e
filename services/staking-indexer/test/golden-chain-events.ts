import type { ChainEvent } from '../src/domain/chain/chain.events.js';
import type { ChainFact } from '../src/domain/facts.js';
import type { ReconciliationEvent } from '../src/domain/reconciliation/reconciliation.events.js';

const hash = (digit: string): string => `0x${digit.repeat(64)}`;
const asOf = { number: 14, hash: hash('e') };
const created: ChainFact = {
  blockNumber: 13,
  blockHash: hash('d'),
  blockTimeMs: 1_800_000_000_000,
  logIndex: 0,
  txHash: hash('8'),
  ordinal: 0,
  fact: { kind: 'pool-created', owner: 'eip155:31337:0x70997970c51812dc3a010c7d01b50e0d17dc79c8', pool: '0x5fbdb2315678afecb367f032d93f642f64180aa3', sigma: 400_000 },
};

/** Events about the chain as a whole, as version 1 of their schemas was first written. */
export const goldenChainEvents: readonly (ChainEvent | ReconciliationEvent)[] = [
  { type: 'skein.staking.facts.finalised.v1', data: { facts: [created], asOf } },
  { type: 'skein.staking.contracts.seen.v1', data: { codes: { '0xe7f1725e7734ce288f8367e1bb143e90bb3f0512': hash('1') }, asOf } },
  { type: 'skein.staking.chain.halted.v1', data: { rule: 'finality-violated', reason: 'the chain has left final block 14; it agrees only up to 12' } },
  { type: 'skein.staking.chain.resumed.v1', data: { reason: 'the provider is back on its chain', actor: 'operator' } },
  {
    type: 'skein.staking.reconciliation.frozen.v1',
    data: {
      chainId: 31337,
      asOf,
      rule: 'totals-differ',
      reason: '1 of 9 totals differ; staked: the read model says 7, the contract 8',
      differences: [{ total: 'staked', readModel: 7n, contract: 8n }],
    },
  },
  { type: 'skein.staking.reconciliation.passed.v1', data: { chainId: 31337, logSinceMs: 1_800_000_000_000, asOf, checkedAtMs: 1_800_000_060_000, holdsForMs: 600_000 } },
  { type: 'skein.staking.reconciliation.thawed.v1', data: { chainId: 31337, reason: 'a test stake of the operator’s', actor: 'operator' } },
];
