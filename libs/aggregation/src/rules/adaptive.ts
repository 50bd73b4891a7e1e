import { difference } from '../vectors.js';
import { weightedMean } from './averages.js';
import type { Rule, RuleInput, RuleOutput } from './rule.js';

type SecondMoment = (v: number, squared: number, beta2: number) => number;

/** The step size of a round (0-based): only Adam corrects its bias, with t counted from 1. */
function correctedEta(eta: number, beta1: number, beta2: number, round: number): number {
  return (eta * Math.sqrt(1 - beta2 ** (round + 2))) / (1 - beta1 ** (round + 2));
}

function step(input: RuleInput, beta1: number, second: SecondMoment, eta: number): RuleOutput {
  const { global, updates, parameters, state } = input;
  const delta = difference(weightedMean(updates), global);
  const m = delta.map((d, k) => beta1 * (state?.m?.[k] ?? 0) + (1 - beta1) * d);
  const v = delta.map((d, k) => second(state?.v?.[k] ?? 0, d * d, parameters['beta2'] ?? 0));
  const tau = parameters['tau']!;
  const weights = m.map((value, k) => global[k]! + (eta * value) / (Math.sqrt(v[k]!) + tau));
  return { weights, state: { round: (state?.round ?? 0) + 1, m, v } };
}

/** v ← v + Δ², m = Δ (Reddi et al. 2021). Parameters `eta`, `tau`. */
export const fedadagrad: Rule = (input) => step(input, 0, (v, squared) => v + squared, input.parameters['eta']!);

/** v ← v − (1−β2)Δ²·sign(v − Δ²), no bias correction. Parameters `eta`, `beta1`, `beta2`, `tau`. */
export const fedyogi: Rule = (input) =>
  step(
    input,
    input.parameters['beta1']!,
    (v, squared, beta2) => v - (1 - beta2) * squared * Math.sign(v - squared),
    input.parameters['eta']!,
  );

/** v ← β2 v + (1−β2)Δ², with the corrected step η√(1−β2^(t+1))/(1−β1^(t+1)). Parameters `eta`, `beta1`, `beta2`, `tau`. */
export const fedadam: Rule = (input) => {
  const { eta, beta1, beta2 } = input.parameters;
  return step(
    input,
    beta1!,
    (v, squared, b2) => b2 * v + (1 - b2) * squared,
    correctedEta(eta!, beta1!, beta2!, input.state?.round ?? 0),
  );
};
