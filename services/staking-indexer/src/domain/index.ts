export type { ChainEvent } from './chain/chain.events.js';
export type { ChainFact, Fact, StakeRole } from './facts.js';
