import type { Decider, Rejection, Result } from '@skein/kernel';
import { ok, reject } from '@skein/kernel';
import type { Measures } from '../price/price.policy.js';
import { complexity, nextMultiplier, ONE, unitPriceE15 } from '../price/price.policy.js';
import type { DeploymentEvent, PriceChanged, PriceRule } from './deployment.events.js';

export interface Deploy {
  readonly type: 'deploy';
  readonly model: string;
  readonly version: number;
  readonly rule: PriceRule;
  readonly measures: Measures;
  readonly nowMs: number;
}

/** A demand window is over: `callsUsed` calls began in [fromMs, toMs). */
export interface CloseWindow {
  readonly type: 'close-window';
  readonly fromMs: number;
  readonly toMs: number;
  readonly callsUsed: number;
  /** Median CPU time of a row over recent runs, microseconds; absent when too few ran. */
  readonly cpuUs?: number;
  readonly nowMs: number;
}

export type DeploymentCommand = Deploy | CloseWindow;

export interface DeploymentState {
  readonly model: string;
  /** 0 while nothing is deployed. */
  readonly version: number;
  readonly rule: PriceRule | undefined;
  readonly price: PriceChanged['data'] | undefined;
  /** Start of the first window that no price has answered yet. */
  readonly windowFromMs: number;
}

type Decision = Result<readonly DeploymentEvent[], Rejection>;

function deploy(command: Deploy, state: DeploymentState): Decision {
  const { model, version, rule, measures, nowMs } = command;
  if (rule.rateE15 <= 0n || rule.floorE15 < 0n) return reject('invalid-argument', 'positive', 'the rate is more than zero and the floor not less', 'price_rule');
  const multiplier = state.price?.multiplier ?? ONE;
  const units = complexity(measures, rule.weights);
  const price: PriceChanged['data'] = {
    model, version, priceVersion: (state.price?.priceVersion ?? 0) + 1, unitPriceE15: unitPriceE15(rule, units, multiplier), multiplier, complexity: units, measures, atMs: nowMs,
  };
  return ok([
    { type: 'skein.marketplace.deployment.deployed.v1', data: { model, version, rule, measures, atMs: nowMs } },
    { type: 'skein.marketplace.deployment.price-changed.v1', data: price },
  ]);
}

function closeWindow(command: CloseWindow, state: DeploymentState): Decision {
  const { rule, price } = state;
  if (!rule || !price) return reject('not-found', 'not-deployed', 'nothing is deployed');
  const { fromMs, toMs, callsUsed, nowMs } = command;
  if (toMs <= fromMs || toMs > nowMs) return reject('failed-precondition', 'window-open', 'a window is closed when it is over');
  // Of a window that was answered, or of a deployment before this one: a timer's second, late run must not count it again.
  if (fromMs < state.windowFromMs) return ok([]);
  const measures = { ...price.measures, cpuUs: command.cpuUs ?? price.measures.cpuUs };
  const multiplier = nextMultiplier(price.multiplier, BigInt(callsUsed), BigInt(rule.callsTarget));
  const units = complexity(measures, rule.weights);
  const next = unitPriceE15(rule, units, multiplier);
  if (next === price.unitPriceE15 && multiplier === price.multiplier) return ok([]);
  const window = { fromMs, toMs, callsUsed, callsTarget: rule.callsTarget };
  const data: PriceChanged['data'] = {
    model: state.model, version: state.version, priceVersion: price.priceVersion + 1, unitPriceE15: next, multiplier, complexity: units, measures, window, atMs: nowMs,
  };
  return ok([{ type: 'skein.marketplace.deployment.price-changed.v1', data }]);
}

function evolve(state: DeploymentState, event: DeploymentEvent): DeploymentState {
  switch (event.type) {
    case 'skein.marketplace.deployment.deployed.v1': {
      const { model, version, rule, atMs } = event.data;
      return { ...state, model, version, rule, windowFromMs: atMs };
    }
    case 'skein.marketplace.deployment.price-changed.v1':
      return { ...state, price: event.data, windowFromMs: event.data.window?.toMs ?? state.windowFromMs };
  }
}

/** What is served under a model's name, and its price. */
export const deploymentDecider: Decider<DeploymentState, DeploymentCommand, DeploymentEvent> = {
  initialState: () => ({ model: '', version: 0, rule: undefined, price: undefined, windowFromMs: 0 }),
  decide: (command, state) => (command.type === 'deploy' ? deploy(command, state) : closeWindow(command, state)),
  evolve,
  // A model in demand has a new price with every window, for as long as it is served.
  snapshot: { name: 'deployment', version: 1, every: 500, encode: (state) => state, decode: (kept) => kept as DeploymentState },
};
