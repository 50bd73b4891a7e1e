import { expect, test } from 'vitest';
import { mergeMetrics } from './merge-metrics.js';

const api = ['# HELP calls how many', '# UNIT calls total', '# TYPE calls counter', 'calls{rpc="List"} 2', '# HELP up whether', '# TYPE up gauge', 'up 1'].join('\n');
const worker = ['# HELP up whether', '# TYPE up gauge', 'up 0', '# HELP wait_seconds how long', '# TYPE wait_seconds histogram', 'wait_seconds_bucket{le="0.1"} 3', 'wait_seconds_sum 0.2', 'wait_seconds_count 3', ''].join('\n');

test('samples of a metric stand together below one head, each with its process', () => {
  expect(mergeMetrics([['arena/api/0', api], ['arena/worker/0', worker]])).toBe(
    [
      '# HELP calls how many', '# UNIT calls total', '# TYPE calls counter', 'calls{process="arena/api/0",rpc="List"} 2',
      '# HELP up whether', '# TYPE up gauge', 'up{process="arena/api/0"} 1', 'up{process="arena/worker/0"} 0',
      '# HELP wait_seconds how long', '# TYPE wait_seconds histogram', 'wait_seconds_bucket{process="arena/worker/0",le="0.1"} 3', 'wait_seconds_sum{process="arena/worker/0"} 0.2', 'wait_seconds_count{process="arena/worker/0"} 3', '',
    ].join('\n'),
  );
});

test('a process that does not answer adds nothing', () => {
  expect(mergeMetrics([['arena/api/0', api], ['arena/api/1', '']])).toBe(mergeMetrics([['arena/api/0', api]]));
});
