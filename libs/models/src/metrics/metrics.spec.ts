import { describe, expect, it } from 'vitest';
import type { MetricId } from './metric-id.js';
import { isMetricId, metrics, metricStepNano } from './metrics.js';

const compute = (id: MetricId, scores: number[], labels: number[], outputs = 1): number | undefined => metrics[id].compute({ rows: labels.length, outputs, scores, labels });

describe('metrics', () => {
  it('accuracy counts rows; one output is cut at one half, several by the first largest', () => {
    expect(compute('accuracy', [0.5, 0.49, 0.9, 0.1], [1, 0, 0, 0])).toBe(0.75);
    expect(compute('accuracy', [0.2, 0.5, 0.3, 0.4, 0.4, 0.2], [1, 1], 3)).toBe(0.5);
    expect(compute('accuracy', [Number.NaN], [0])).toBe(0);
  });

  it('balanced accuracy is the mean over classes', () => {
    expect(compute('balanced-accuracy', [0.9, 0.9, 0.9, 0.1], [1, 1, 1, 1])).toBe(0.75);
    expect(compute('balanced-accuracy', [0.9, 0.9, 0.9, 0.9], [1, 1, 1, 0])).toBe(0.5);
  });

  it('auc shares ranks of ties and needs both classes', () => {
    expect(compute('auc', [0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])).toBe(0.75);
    expect(compute('auc', [0.5, 0.5], [0, 1])).toBe(0.5);
    expect(compute('auc', [0.3, 0.7, 0.8, 0.2], [0, 1], 2)).toBe(0);
    expect(compute('auc', [0.1, 0.2], [1, 1])).toBeUndefined();
    expect(compute('auc', [Number.NaN, 0.2], [1, 0])).toBeUndefined();
  });

  it('log loss is clipped, and undefined for NaN', () => {
    expect(compute('log-loss', [0.5, 0.5], [0, 1])).toBeCloseTo(Math.LN2, 12);
    expect(compute('log-loss', [0], [1])).toBeCloseTo(-Math.log(1e-7), 12);
    expect(compute('log-loss', [0.25, 0.75], [1], 2)).toBeCloseTo(-Math.log(0.75), 12);
    expect(compute('log-loss', [Number.NaN], [1])).toBeUndefined();
  });

  it('f1, rmse, mae, r2', () => {
    expect(compute('f1', [0.9, 0.9, 0.1, 0.1], [1, 0, 1, 0])).toBe(0.5);
    expect(compute('f1', [0.1], [1])).toBe(0);
    expect(compute('rmse', [1, 3], [1, 1])).toBeCloseTo(Math.SQRT2, 12);
    expect(compute('mae', [1, 3], [1, 1])).toBe(1);
    expect(compute('r2', [1, 2, 3], [1, 2, 3])).toBe(1);
    expect(compute('r2', [1, 1], [2, 2])).toBeUndefined();
  });

  it('is undefined over no rows, names itself and its direction', () => {
    for (const [id, metric] of Object.entries(metrics)) {
      expect(metric.compute({ rows: 0, outputs: 1, scores: [], labels: [] })).toBeUndefined();
      expect(metric).toMatchObject({ id, version: 1 });
    }
    expect(metrics['log-loss'].direction).toBe('lower');
    expect(isMetricId('auc')).toBe(true);
    expect(isMetricId('toString')).toBe(false);
  });

  it('one row of accuracy is a step', () => {
    expect(metricStepNano('accuracy', 100)).toBe(10_000_000n);
    expect(metricStepNano('accuracy', 3)).toBe(333_333_334n);
    expect(metricStepNano('rmse', 100)).toBe(0n);
  });
});
