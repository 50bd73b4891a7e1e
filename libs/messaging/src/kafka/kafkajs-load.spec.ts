import { createRequire } from 'node:module';
import { expect, it, vi } from 'vitest';
import { loadKafkaJs } from './kafkajs-load.js';

interface RequestQueue {
  readonly pending: unknown[];
  throttleCheckTimeoutId: unknown;
  checkPendingRequests(): void;
  destroy(): void;
}

function requestQueue(): RequestQueue {
  const Queue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue/index.js') as new (options: object) => RequestQueue;
  return new Queue({ maxInFlightRequests: null, requestTimeout: 1_000, enforceRequestTimeout: true, clientId: 'test', broker: 'b:1', logger: { debug: () => undefined } });
}

it('an idle queue of requests waits instead of looking a thousand times a second', () => {
  vi.useFakeTimers();
  try {
    loadKafkaJs();
    const queue = requestQueue();
    queue.checkPendingRequests();
    expect(vi.getTimerCount()).toBe(0);
    queue.pending.push({});
    queue.throttleCheckTimeoutId = null;
    Object.assign(queue, { throttledUntil: Date.parse('2999-01-01') });
    queue.checkPendingRequests();
    expect(vi.getTimerCount()).toBe(1);
    queue.destroy();
  } finally {
    vi.useRealTimers();
  }
});

it('is patched once, in the version that is known', () => {
  const { version } = createRequire(import.meta.url)('kafkajs/package.json') as { version: string };
  expect(version).toBe('2.2.4');
  const { prototype } = createRequire(import.meta.url)('kafkajs/src/network/requestQueue/index.js') as { prototype: { scheduleCheckPendingRequests: unknown } };
  const patched = prototype.scheduleCheckPendingRequests;
  loadKafkaJs();
  expect(prototype.scheduleCheckPendingRequests).toBe(patched);
});
