import { ok, type Decider, type DomainEvent } from '@skein/kernel';
import type { BlockRef, PoolOwnerFact } from '../facts.js';
import type { Cause } from '../position/position.events.js';

/** The facts that set an owner's σ. */
export type SigmaFact = Extract<PoolOwnerFact, { kind: 'pool-created' | 'sigma-changed' }>;

/** A final fact set an owner's σ. */
export type SigmaChanged = DomainEvent<'skein.staking.sigma.changed.v1', { readonly asOf: BlockRef; readonly cause: Cause; readonly fact: SigmaFact }>;

export const sigmaStreamId = (owner: string): string => `sigma-${owner}`;

/** Takes a final fact into its owner's σ. Facts of one owner come in the order of the chain, each once. */
export type ApplySigmaFact = SigmaChanged['data'];

/** One owner's σ by final facts: the newest stands. */
export const sigmaDecider: Decider<undefined, ApplySigmaFact, SigmaChanged> = {
  initialState: () => undefined,
  decide: (data) => ok([{ type: 'skein.staking.sigma.changed.v1', data }]),
  evolve: () => undefined,
};
