import { decodePayload, encodePayload, fold, unwrap } from '@skein/kernel';
import { specOf } from '@skein/testing';
import { expect, test } from 'vitest';
import { DEFAULT_WEIGHTS } from '../price/price.policy.js';
import type { CloseWindow, Deploy } from './deployment.decider.js';
import { deploymentDecider } from './deployment.decider.js';
import type { DeploymentEvent } from './deployment.events.js';

const deployment = specOf(deploymentDecider);
const rule = { floorE15: 1_000n, rateE15: 10n, callsTarget: 100, windowMs: 5_000, weights: DEFAULT_WEIGHTS };
const measures = { macs: 140, cpuUs: 12, bytes: 36 };
const deploy: Deploy = { type: 'deploy', model: 'pima', version: 1, rule, measures, nowMs: 1_000 };
const deployed = [...unwrap(deploymentDecider.decide(deploy, deploymentDecider.initialState()))];
const close = (callsUsed: number, more: Partial<CloseWindow> = {}): CloseWindow => ({ type: 'close-window', fromMs: 1_000, toMs: 6_000, callsUsed, nowMs: 6_100, ...more });

test('a deployment starts at multiplier one, with every input of its price', () => {
  deployment.given().when(deploy).then(
    { type: 'skein.marketplace.deployment.deployed.v1', data: { model: 'pima', version: 1, rule, measures, atMs: 1_000 } },
    {
      type: 'skein.marketplace.deployment.price-changed.v1',
      data: { model: 'pima', version: 1, priceVersion: 1, unitPriceE15: 126_000n, multiplier: 1_000_000n, complexity: 12_500n, measures, atMs: 1_000 },
    },
  );
});

test('a busy window raises the price by an eighth of its variable part', () => {
  deployment.given(...deployed).when(close(200)).then({
    type: 'skein.marketplace.deployment.price-changed.v1',
    data: {
      model: 'pima', version: 1, priceVersion: 2, unitPriceE15: 141_625n, multiplier: 1_125_000n, complexity: 12_500n, measures,
      window: { fromMs: 1_000, toMs: 6_000, callsUsed: 200, callsTarget: 100 }, atMs: 6_100,
    },
  });
});

test('a window on target changes nothing, measured CPU time does', () => {
  deployment.given(...deployed).when(close(100)).then();
  deployment.given(...deployed).when(close(100, { cpuUs: 14 })).thenState((state) => {
    expect(state.price).toMatchObject({ priceVersion: 2, multiplier: 1_000_000n, complexity: 14_500n, unitPriceE15: 146_000n });
  });
});

test('a window counts once, and not before it is over', () => {
  const raised: readonly DeploymentEvent[] = unwrap(deploymentDecider.decide(close(200), deployed.reduce(deploymentDecider.evolve, deploymentDecider.initialState())));
  deployment.given(...deployed, ...raised).when(close(200)).then();
  deployment.given(...deployed, ...raised).when(close(0, { fromMs: 6_000, toMs: 11_000, nowMs: 11_000 })).thenState((state) => {
    expect(state.price).toMatchObject({ priceVersion: 3, multiplier: 984_375n });
  });
  deployment.given(...deployed).when(close(200, { nowMs: 5_999 })).thenRejected({ rule: 'window-open' });
  deployment.given().when(close(1)).thenRejected({ code: 'not-found' });
});

test('a redeployment keeps the multiplier and counts the prices on', () => {
  const raised = unwrap(deploymentDecider.decide(close(200), deployed.reduce(deploymentDecider.evolve, deploymentDecider.initialState())));
  deployment.given(...deployed, ...raised).when({ ...deploy, version: 2, nowMs: 9_000 }).thenState((state) => {
    expect(state).toMatchObject({ version: 2, windowFromMs: 9_000, price: { priceVersion: 3, multiplier: 1_125_000n } });
  });
});

test('a window of the deployment before counts no more', () => {
  deployment.given(...deployed, ...unwrap(deploymentDecider.decide({ ...deploy, version: 2, nowMs: 9_000 }, deployed.reduce(deploymentDecider.evolve, deploymentDecider.initialState())))).when(close(200, { nowMs: 9_500 })).then();
});

test('a rule without a rate is refused', () => {
  deployment.given().when({ ...deploy, rule: { ...rule, rateE15: 0n } }).thenRejected({ rule: 'positive', field: 'price_rule' });
});

test('a kept state and the windows after it give what all events give, wherever it was kept', () => {
  const decider = deploymentDecider;
  let log: DeploymentEvent[] = [...deployed];
  for (let window = 0; window < 6; window += 1) {
    const [fromMs, toMs] = [1_000 + window * 5_000, 6_000 + window * 5_000];
    log = [...log, ...unwrap(decider.decide(close(window % 2 ? 0 : 300, { fromMs, toMs, nowMs: toMs + 100 }), fold(decider, log)))];
  }
  expect(log).toHaveLength(8);
  for (let cut = 0; cut <= log.length; cut += 1) {
    const { encode, decode } = decider.snapshot!;
    const kept = decode(decodePayload(JSON.parse(JSON.stringify(encodePayload(encode(fold(decider, log.slice(0, cut))))))));
    expect(fold(decider, log.slice(cut), kept)).toEqual(fold(decider, log));
  }
});
