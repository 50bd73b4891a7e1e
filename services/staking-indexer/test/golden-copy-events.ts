import type { FinalityReached } from '../src/domain/finality/finality.decider.js';
import type { SigmaChanged } from '../src/domain/sigma/sigma.decider.js';
import { goldenFacts } from './golden-facts.js';

const hash = (digit: string): string => `0x${digit.repeat(64)}`;
const asOf = { number: 14, hash: hash('e') };

/** What copies in other services need beside positions and pools, as version 1 of the events was first written. */
export const goldenCopyEvents: readonly (FinalityReached | SigmaChanged)[] = [
  { type: 'skein.staking.sigma.changed.v1', data: { asOf, cause: { txHash: hash('7'), ordinal: 1 }, fact: goldenFacts['sigma-changed'] } },
  {
    type: 'skein.staking.finality.reached.v1',
    data: { chainId: 31337, asOf, timeMs: 1_800_000_000_000, epochs: { genesisMs: 1_799_913_600_000, epochMs: 86_400_000 } },
  },
];
