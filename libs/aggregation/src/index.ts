export * from './aggregate.js';
export * from './client-terms.js';
export * from './gram.js';
export * from './robust-score.js';
export { clipFactor, clipped, weightedMean } from './rules/averages.js';
export { krumScores } from './rules/krum.js';
export { weiszfeld } from './rules/geometric-median.js';
export type { Rule, RuleInput, RuleOutput, RuleParameters, ServerState } from './rules/rule.js';
export * from './vectors.js';
