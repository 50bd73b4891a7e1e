import { ok, reject } from '@skein/kernel';
import type { Rejection, Result } from '@skein/kernel';
import { fedadagrad, fedadam, fedyogi } from './rules/adaptive.js';
import { fedavg, fedavgm, fedbuff, fednova, normClip, scaffold } from './rules/averages.js';
import { fltrust } from './rules/fltrust.js';
import { geometricMedian } from './rules/geometric-median.js';
import { bulyan, krum, multiKrum } from './rules/krum.js';
import { median, trimmedMean } from './rules/order-statistics.js';
import type { Rule, RuleInput, RuleOutput, RuleParameters } from './rules/rule.js';
import { sortedByNode } from './vectors.js';

interface RuleEntry {
  readonly rule: Rule;
  readonly defaults: RuleParameters;
  /** Fewest updates it can work with. */
  readonly updatesMin?: (parameters: RuleParameters) => number;
  /** Inclusive bounds of parameters. */
  readonly bounds?: Readonly<Record<string, readonly [number, number]>>;
  readonly stateful?: true;
}

const PLAIN = { updatesMin: () => 1 };
const POSITIVE: readonly [number, number] = [1e-12, 1e6];
const UNIT: readonly [number, number] = [0, 1];
const FLAG: readonly [number, number] = [0, 1];
const COUNT: readonly [number, number] = [0, 10_000];
const ADAPTIVE = { eta: POSITIVE, beta1: UNIT, beta2: UNIT, tau: POSITIVE };

/** Every rule by its name in a manifest, with its default parameters. `fedprox` aggregates as `fedavg`: its term is the client's. */
const ENTRIES = {
  fedavg: { rule: fedavg, defaults: {}, ...PLAIN },
  fedprox: { rule: fedavg, defaults: { mu: 0.01 }, bounds: { mu: [0, 1e3] } },
  fedavgm: { rule: fedavgm, defaults: { eta: 1, momentum: 0.9 }, bounds: { eta: POSITIVE, momentum: UNIT }, stateful: true },
  fedadagrad: { rule: fedadagrad, defaults: { eta: 0.1, tau: 1e-3 }, bounds: ADAPTIVE, stateful: true },
  fedyogi: { rule: fedyogi, defaults: { eta: 0.01, beta1: 0.9, beta2: 0.99, tau: 1e-3 }, bounds: ADAPTIVE, stateful: true },
  fedadam: { rule: fedadam, defaults: { eta: 0.1, beta1: 0.9, beta2: 0.99, tau: 1e-3 }, bounds: ADAPTIVE, stateful: true },
  fednova: { rule: fednova, defaults: {}, ...PLAIN },
  scaffold: {
    rule: scaffold,
    defaults: { eta: 1, population: 0 },
    bounds: { eta: POSITIVE, population: COUNT },
    stateful: true,
  },
  fedbuff: { rule: fedbuff, defaults: { eta: 1 }, bounds: { eta: POSITIVE } },
  median: { rule: median, defaults: {}, ...PLAIN },
  trimmed_mean: { rule: trimmedMean, defaults: { beta: 0.2 }, bounds: { beta: [0, 0.499_999] } },
  krum: { rule: krum, defaults: { f: 1 }, bounds: { f: COUNT }, updatesMin: (p) => 2 * p['f']! + 3 },
  multi_krum: {
    rule: multiKrum,
    defaults: { f: 1, m: 0, weighted: 0 },
    bounds: { f: COUNT, m: COUNT, weighted: FLAG },
    updatesMin: (p) => Math.max(2 * p['f']! + 3, p['m']!),
  },
  bulyan: { rule: bulyan, defaults: { f: 1 }, bounds: { f: COUNT }, updatesMin: (p) => 4 * p['f']! + 3 },
  geometric_median: {
    rule: geometricMedian,
    defaults: { nu: 1e-6, iterations: 1000, weighted: 0 },
    bounds: { nu: POSITIVE, iterations: [1, 1000], weighted: FLAG },
  },
  fltrust: { rule: fltrust, defaults: {}, ...PLAIN },
  norm_clip: { rule: normClip, defaults: { clip: 1, weighted: 0 }, bounds: { clip: POSITIVE, weighted: FLAG } },
} satisfies Record<string, RuleEntry>;

/** Name of an aggregation rule. */
export type RuleName = keyof typeof ENTRIES;

/** All rule names, in the order of federation.md. */
export const RULE_NAMES = Object.keys(ENTRIES) as readonly RuleName[];

/** Whether the text names a rule. */
export const isRuleName = (name: string): name is RuleName => Object.hasOwn(ENTRIES, name);

/** Whether the rule remembers moments or control variates between rounds. */
export const isStateful = (name: RuleName): boolean => (ENTRIES[name] as RuleEntry).stateful === true;

/** The given parameters with the rule's defaults; refuses an unknown name, a number out of bounds (rules `rule-parameter-unknown`, `rule-parameter-range`). */
export function ruleParameters(name: RuleName, given: RuleParameters = {}): Result<RuleParameters, Rejection> {
  const entry: RuleEntry = ENTRIES[name];
  for (const [key, value] of Object.entries(given)) {
    if (!Object.hasOwn(entry.defaults, key))
      return reject('invalid-argument', 'rule-parameter-unknown', `${name} has no parameter ${key}`, key);
    const [min, max] = entry.bounds?.[key] ?? [-Infinity, Infinity];
    if (!Number.isFinite(value) || value < min || value > max)
      return reject('invalid-argument', 'rule-parameter-range', `${key} must be between ${min} and ${max}`, key);
  }
  return ok({ ...entry.defaults, ...given });
}

/** Fewest updates that the rule can work with, for full parameters (see `ruleParameters`). */
export const updatesMin = (name: RuleName, parameters: RuleParameters): number =>
  (ENTRIES[name] as RuleEntry).updatesMin?.(parameters) ?? 1;

function inputFault(name: RuleName, input: RuleInput): string | undefined {
  const { global, updates } = input;
  if (updates.length === 0) return 'there is no update';
  if (new Set(updates.map((update) => update.nodeId)).size !== updates.length) return 'a node appears twice';
  const odd = updates.find((update) => update.weights.length !== global.length);
  if (odd) return `the update of ${odd.nodeId} has another length than the global model`;
  if (updates.some((update) => !(update.examples > 0))) return 'every update needs examples > 0';
  if (name === 'fltrust' && input.root?.length !== global.length) return 'fltrust needs a root update';
  if (updates.some((update) => !update.weights.every(Number.isFinite))) return 'an update holds a non-finite value';
  return undefined;
}

/**
 * Applies a rule by name: updates are sorted by node id first, so every party that holds the same updates gets the same
 * float64 result bit for bit. Refusals: `aggregate-input`, `aggregate-too-few`, and those of `ruleParameters`.
 */
export function aggregate(
  name: RuleName,
  input: Omit<RuleInput, 'parameters'> & { readonly parameters?: RuleParameters },
): Result<RuleOutput, Rejection> {
  const entry: RuleEntry = ENTRIES[name];
  const parameters = ruleParameters(name, input.parameters);
  if (!parameters.ok) return parameters;
  const full: RuleInput = { ...input, updates: sortedByNode(input.updates), parameters: parameters.value };
  const fault = inputFault(name, full);
  if (fault) return reject('invalid-argument', 'aggregate-input', fault, 'updates');
  const least = updatesMin(name, parameters.value);
  if (full.updates.length < least)
    return reject('failed-precondition', 'aggregate-too-few', `${name} needs at least ${least} updates`, 'updates');
  return ok(entry.rule(full));
}
