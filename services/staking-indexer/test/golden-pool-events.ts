import type { CaseChanged } from '../src/domain/case/case.decider.js';
import type { PoolChanged } from '../src/domain/pool/pool.events.js';
import { goldenFacts } from './golden-facts.js';

const hash = (digit: string): string => `0x${digit.repeat(64)}`;
const asOf = { number: 14, hash: hash('e') };
const cause = { txHash: hash('7'), ordinal: 1 };
const TOKEN = 10n ** 18n;
const { delegated, slashed } = goldenFacts;

/** A pool and a case, as version 1 of their events was first written. */
export const goldenPoolEvents: readonly (PoolChanged | CaseChanged)[] = [
  {
    type: 'skein.staking.pool.changed.v1',
    data: {
      pool: delegated.pool,
      owner: goldenFacts['pool-created'].owner,
      asOf,
      cause,
      fact: delegated,
      sums: { rewardIndex: 25n * 10n ** 25n, principalIndex: 75n * 10n ** 25n, carry: 3n, totalShares: 16n * TOKEN, total: 32n * TOKEN },
      waiting: [{ epoch: 4, sharesIn: 20n * TOKEN, sharesOut: TOKEN }],
      closed: false,
    },
  },
  { type: 'skein.staking.case.changed.v1', data: { asOf, cause, fact: slashed } },
];
