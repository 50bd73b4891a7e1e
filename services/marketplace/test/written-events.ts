import { fold, unwrap, type Decider, type DomainEvent } from '@skein/kernel';
import { callDecider, type CallCommand } from '../src/domain/call/call.decider.js';
import type { CallEvent, Pins } from '../src/domain/call/call.events.js';
import { deploymentDecider, type DeploymentCommand } from '../src/domain/deployment/deployment.decider.js';
import type { DeploymentEvent } from '../src/domain/deployment/deployment.events.js';
import { modelDecider, type ModelCommand } from '../src/domain/model/model.decider.js';
import type { ModelEvent } from '../src/domain/model/model.events.js';
import { DEFAULT_WEIGHTS } from '../src/domain/price/price.policy.js';

function played<S, C, E extends DomainEvent>(decider: Decider<S, C, E>, commands: readonly C[]): E[] {
  return commands.reduce<E[]>((log, command) => [...log, ...unwrap(decider.decide(command, fold(decider, log)))], []);
}

const lineage = { arenaTask: 'tasks/a', federatedTask: 'federatedTasks/f', parents: ['models/old/versions/1'] };
const one = (payee: string) => [{ payee, weight: 1n }];
const models: ModelCommand[] = [
  {
    type: 'register-version', model: 'pima', caller: 'w', entitled: ['w'], artifactSha256: 'aa', lineage, contributors: { developer: 'd', data: one('h'), validators: one('v'), parents: one('p') },
    licence: 'Apache-2.0', intendedUse: 'tests', inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 8] }], outputs: [{ name: 'scores', datatype: 'FP32', shape: [-1, 1] }],
    probe: { macs: 9, cpuUs: 5, bytes: 36, coldLoadUs: 900, peakMemoryBytes: 1_000 }, runtime: 'onnxruntime', nowMs: 1,
  },
  { type: 'move-alias', caller: 'w', alias: 'prod', version: 1, nowMs: 2 },
];
const deployments: DeploymentCommand[] = [
  { type: 'deploy', model: 'pima', version: 1, rule: { floorE15: 1n, rateE15: 2n, callsTarget: 3, windowMs: 1_000, weights: DEFAULT_WEIGHTS }, measures: { macs: 9, cpuUs: 5, bytes: 36 }, nowMs: 1 },
  { type: 'close-window', fromMs: 1, toMs: 1_001, callsUsed: 9, nowMs: 1_002 },
];
const pins: Pins = { reservationId: 'r', customer: 'customers/c', keyId: 'k', model: 'pima', version: 1, priceVersion: 1, unitPriceE15: 10_721n, rows: 2, amountMax: 1n };
const begin: CallCommand = { type: 'start-call', callId: 'c', requestSha256: 'aa', pins, leaseMs: 10, nowMs: 1 };
const calls: CallCommand[] = [
  begin,
  { type: 'void-call', attempt: 1, reason: 'failed', nowMs: 2 },
  { ...begin, nowMs: 3 },
  { type: 'record-run', attempt: 2, cpuUs: 40, computeCostE15: 5n, nowMs: 4 },
  { type: 'record-capture', gross: 1n, nowMs: 5 },
];

export type MarketplaceEvent = ModelEvent | DeploymentEvent | CallEvent;

/** A log of each kind of stream. */
export const modelLog = (): ModelEvent[] => played(modelDecider, models);
export const deploymentLog = (): DeploymentEvent[] => played(deploymentDecider, deployments);
export const callLog = (): CallEvent[] => played(callDecider, calls);

/** Logs in which every event type occurs. */
export const writtenEvents = (): MarketplaceEvent[] => [...modelLog(), ...deploymentLog(), ...callLog()];
