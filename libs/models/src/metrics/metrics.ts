import { assert } from '@skein/kernel';
import type { MetricDirection, MetricId } from './metric-id.js';

/**
 * What a metric sees: `scores` row-major `rows × outputs` as the model gave them, and one label per row. With one output a
 * score is the probability of class 1 (or the predicted value of a regression); with more, one score per class.
 */
export interface Predictions {
  readonly rows: number;
  readonly outputs: number;
  readonly scores: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
}

/** A metric: its version changes when its value could change for any input. */
export interface Metric {
  readonly id: MetricId;
  readonly version: number;
  readonly direction: MetricDirection;
  /** Computed in float64, rows in order; undefined where it is not defined (for example AUC with one class). */
  compute(predictions: Predictions): number | undefined;
}

/** The class a row is put into: with one output `score ≥ 0.5`, else the first largest. NaN is no class (−1). */
function predictedClass({ outputs, scores }: Predictions, row: number): number {
  if (outputs === 1) {
    const score = scores[row]!;
    return Number.isNaN(score) ? -1 : score >= 0.5 ? 1 : 0;
  }
  let best = -1;
  for (let c = 0; c < outputs; c++) {
    const score = scores[row * outputs + c]!;
    if (Number.isNaN(score)) return -1;
    if (best < 0 || score > scores[row * outputs + best]!) best = c;
  }
  return best;
}

const mean = (rows: number, of: (row: number) => number): number => {
  let sum = 0;
  for (let row = 0; row < rows; row++) sum += of(row);
  return sum / rows;
};

const accuracy = (p: Predictions): number => mean(p.rows, (row) => (predictedClass(p, row) === p.labels[row] ? 1 : 0));

/** Mean over the classes that occur of the share of their rows that were recognised. */
function balancedAccuracy(p: Predictions): number {
  const seen = new Map<number, { rows: number; hits: number }>();
  for (let row = 0; row < p.rows; row++) {
    const label = p.labels[row]!;
    const entry = seen.get(label) ?? { rows: 0, hits: 0 };
    entry.rows += 1;
    if (predictedClass(p, row) === label) entry.hits += 1;
    seen.set(label, entry);
  }
  const recalls = [...seen].sort(([a], [b]) => a - b).map(([, { rows, hits }]) => hits / rows);
  return mean(recalls.length, (i) => recalls[i]!);
}

const classOneScore = ({ outputs, scores }: Predictions, row: number): number => (outputs === 1 ? scores[row]! : scores[row * outputs + 1]!);

/** Area under the ROC curve of class 1 by ranks; equal scores share their mean rank. */
function auc(p: Predictions): number | undefined {
  const order = Array.from({ length: p.rows }, (_, row) => row);
  if (p.outputs > 2 || order.some((row) => Number.isNaN(classOneScore(p, row)))) return undefined;
  order.sort((a, b) => classOneScore(p, a) - classOneScore(p, b) || a - b);
  let [positives, rankSum] = [0, 0];
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && classOneScore(p, order[end]!) === classOneScore(p, order[start]!)) end++;
    const rank = (start + 1 + end) / 2;
    for (let i = start; i < end; i++) {
      if (p.labels[order[i]!] !== 1) continue;
      positives += 1;
      rankSum += rank;
    }
    start = end;
  }
  const negatives = p.rows - positives;
  if (positives === 0 || negatives === 0) return undefined;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

const LOG_LOSS_FLOOR = 1e-7;

/** Mean of −ln of the probability given to the true class, clipped to [1e-7, 1 − 1e-7]. */
function logLoss(p: Predictions): number {
  return mean(p.rows, (row) => {
    const label = p.labels[row]!;
    const score = p.outputs === 1 ? (label === 1 ? p.scores[row]! : 1 - p.scores[row]!) : p.scores[row * p.outputs + label]!;
    return -Math.log(Math.min(Math.max(score, LOG_LOSS_FLOOR), 1 - LOG_LOSS_FLOOR)); // NaN stays NaN: no score
  });
}

/** F1 of class 1; 0 when nothing of that class was found. */
function f1(p: Predictions): number {
  let [found, wrong, missed] = [0, 0, 0];
  for (let row = 0; row < p.rows; row++) {
    const predicted = predictedClass(p, row) === 1;
    const actual = p.labels[row] === 1;
    if (predicted && actual) found += 1;
    else if (predicted) wrong += 1;
    else if (actual) missed += 1;
  }
  return found === 0 ? 0 : (2 * found) / (2 * found + wrong + missed);
}

const residual = (p: Predictions, row: number): number => p.scores[row]! - p.labels[row]!;

function r2(p: Predictions): number | undefined {
  const centre = mean(p.rows, (row) => p.labels[row]!);
  const total = mean(p.rows, (row) => (p.labels[row]! - centre) ** 2);
  return total === 0 ? undefined : 1 - mean(p.rows, (row) => residual(p, row) ** 2) / total;
}

const define = (id: MetricId, direction: MetricDirection, compute: Metric['compute']): Metric => ({
  id,
  version: 1,
  direction,
  compute: (predictions) => {
    assert(predictions.scores.length === predictions.rows * predictions.outputs, 'a metric sees a score per row and output');
    assert(predictions.labels.length === predictions.rows, 'a metric sees a label per row');
    if (predictions.rows === 0) return undefined;
    const value = compute(predictions);
    return value !== undefined && Number.isFinite(value) ? value : undefined;
  },
});

/** All metrics by id. */
export const metrics: Readonly<Record<MetricId, Metric>> = {
  accuracy: define('accuracy', 'higher', accuracy),
  'balanced-accuracy': define('balanced-accuracy', 'higher', balancedAccuracy),
  auc: define('auc', 'higher', auc),
  'log-loss': define('log-loss', 'lower', logLoss),
  f1: define('f1', 'higher', f1),
  rmse: define('rmse', 'lower', (p) => Math.sqrt(mean(p.rows, (row) => residual(p, row) ** 2))),
  mae: define('mae', 'lower', (p) => mean(p.rows, (row) => Math.abs(residual(p, row)))),
  r2: define('r2', 'higher', r2),
};

/** True for the id of a metric. */
export const isMetricId = (id: string): id is MetricId => Object.hasOwn(metrics, id);

/**
 * The smallest difference that can exist between two values of a metric over so many rows, in nano-units: one row for
 * those that count rows, else 0. Used for the score tolerance of consensus.
 */
export const metricStepNano = (id: MetricId, rows: number): bigint =>
  rows > 0 && (id === 'accuracy' || id === 'balanced-accuracy') ? (1_000_000_000n + BigInt(rows) - 1n) / BigInt(rows) : 0n;
