import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { reportOnce } from './report-once.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

it('reports the same failure of the same place once in 30 s', () => {
  const seen: string[] = [];
  const report = reportOnce((error, where) => void seen.push(`${where}: ${String(error)}`));
  report(new Error('refused'), 'fetch');
  report(new Error('refused'), 'fetch');
  report(new Error('refused'), 'join');
  report('closed', 'fetch');
  expect(seen).toEqual(['fetch: Error: refused', 'join: Error: refused', 'fetch: closed']);
  vi.advanceTimersByTime(30_000);
  report(new Error('refused'), 'fetch');
  expect(seen).toHaveLength(4);
});

it('remembers a bounded number of failures', () => {
  const seen: number[] = [];
  const report = reportOnce(() => void seen.push(1));
  for (let n = 0; n < 200; n++) report(new Error(`failure ${n}`), 'fetch');
  report(new Error('failure 200'), 'fetch');
  report(new Error('failure 0'), 'fetch');
  expect(seen).toHaveLength(202);
});
