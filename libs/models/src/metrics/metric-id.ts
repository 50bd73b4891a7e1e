/** Metrics a task may be judged by. `rmse`, `mae` and `log-loss` are better when lower. */
export type MetricId = 'accuracy' | 'balanced-accuracy' | 'auc' | 'log-loss' | 'f1' | 'rmse' | 'mae' | 'r2';

/** Which way a metric improves. */
export type MetricDirection = 'higher' | 'lower';
