import type { Meter, ObservableResult } from '@opentelemetry/api';
import type { Halt } from './chain-status.js';
import type { Step } from './follow-chain.js';

/** What the follower knows when it is asked. */
export interface Followed {
  readonly last: Step | undefined;
  readonly halt: Halt | undefined;
}

/** Gauges about the followed chain; the answer ends them. */
export function measureChain(meter: Meter, chainId: number, followed: () => Followed): () => void {
  const gauge = (name: string, unit: string, description: string, observe: (result: ObservableResult) => void): (() => void) => {
    const made = meter.createObservableGauge(name, { unit, description });
    made.addCallback(observe);
    return () => made.removeCallback(observe);
  };
  const chain = { chain: String(chainId) };
  const ends = [
    gauge('staking_chain_lag_blocks', '{block}', 'Safe blocks that have not been read', (result) => {
      const { last } = followed();
      if (last !== undefined) result.observe(Math.max(0, last.heads.safe.number - last.indexed.number), chain);
    }),
    gauge('chain_halted', '1', '1 while the chain’s answers cannot be right, or there are none', (result) => {
      const { halt } = followed();
      result.observe(halt === undefined ? 0 : 1, { ...chain, rule: halt?.rule ?? '' });
    }),
    gauge('chain_endpoints_short', '{endpoint}', 'Endpoints that are missing to make anything final', (result) => {
      const { reached = 0, wanted = 0 } = followed().last?.heads.agreement ?? {};
      result.observe(Math.max(0, wanted - reached), chain);
    }),
  ];
  return () => ends.forEach((end) => end());
}
