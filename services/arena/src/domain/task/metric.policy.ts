/** Metrics a task may be judged by. */
export type Metric = 'accuracy' | 'balanced-accuracy' | 'auc' | 'log-loss' | 'f1' | 'rmse' | 'mae' | 'r2';

export type MetricDirection = 'higher' | 'lower';

/** Which way the metric improves. */
export const directionOf = (metric: Metric): MetricDirection =>
  metric === 'log-loss' || metric === 'rmse' || metric === 'mae' ? 'lower' : 'higher';

/** True where `a` is the better score. */
export const better = (a: bigint, b: bigint, direction: MetricDirection): boolean => (direction === 'higher' ? a > b : a < b);
