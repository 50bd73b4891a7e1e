import type { DomainEvent } from '@skein/kernel';
import type { ComplexityWeights, Measures } from '../price/price.policy.js';

/** How a deployment is priced. */
export interface PriceRule {
  /** USD units of 10^-15 per row. */
  readonly floorE15: bigint;
  /** USD units of 10^-15 per compute unit. */
  readonly rateE15: bigint;
  /** Calls per window at which the price stands still. */
  readonly callsTarget: number;
  readonly windowMs: number;
  readonly weights: ComplexityWeights;
}

/** A version is served under its model's name from now on; the price follows in the next event. */
export type VersionDeployed = DomainEvent<
  'skein.marketplace.deployment.deployed.v1',
  { model: string; version: number; rule: PriceRule; measures: Measures; atMs: number }
>;

/** A new price, with everything it was computed from. `window` is absent for the price a deployment starts with. */
export type PriceChanged = DomainEvent<
  'skein.marketplace.deployment.price-changed.v1',
  {
    model: string;
    version: number;
    priceVersion: number;
    unitPriceE15: bigint;
    multiplier: bigint;
    complexity: bigint;
    measures: Measures;
    window?: { fromMs: number; toMs: number; callsUsed: number; callsTarget: number };
    atMs: number;
  }
>;

export type DeploymentEvent = VersionDeployed | PriceChanged;
