import { createRequire } from 'node:module';
import { connect, createServer, type AddressInfo } from 'node:net';
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

interface Connection {
  isConnected(): boolean;
  connect(): Promise<boolean>;
  send(request: object): Promise<unknown>;
}

it('a connection that does not answer in time is given up with all that was asked over it', async () => {
  loadKafkaJs();
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  const silent = createServer((socket) => socket.on('close', () => close()).on('error', () => undefined).resume());
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const require = createRequire(import.meta.url);
  const KafkaConnection = require('kafkajs/src/network/connection.js') as new (options: object) => Connection;
  const { createLogger, LEVELS } = require('kafkajs/src/loggers/index.js') as { createLogger(options: object): object; LEVELS: { NOTHING: number } };
  const { port } = silent.address() as AddressInfo;
  const connection = new KafkaConnection({
    host: '127.0.0.1', port, clientId: 'test', connectionTimeout: 5_000, requestTimeout: 100, enforceRequestTimeout: true, maxInFlightRequests: null,
    logger: createLogger({ level: LEVELS.NOTHING, logCreator: () => () => undefined }), socketFactory: ({ onConnect }: { onConnect: () => void }) => connect({ host: '127.0.0.1', port }, onConnect),
  });
  await connection.connect();
  const protocol = require('kafkajs/src/protocol/requests/apiVersions/index.js') as { protocol(options: { version: number }): () => { request: object; response: object } };
  const ask = (requestTimeout?: number): Promise<unknown> => connection.send({ ...protocol.protocol({ version: 0 })(), requestTimeout });
  const asked = await Promise.allSettled([ask(), ask(60_000)]);
  expect(asked.map((each) => (each.status === 'rejected' ? (each.reason as Error).name : each.status))).toEqual(['KafkaJSRequestTimeoutError', 'KafkaJSRequestTimeoutError']);
  await closed;
  expect(connection.isConnected()).toBe(false);
  await new Promise((resolve) => silent.close(resolve));
});

it('a clock that steps back does not keep a member from its heartbeats', async () => {
  loadKafkaJs();
  const Group = createRequire(import.meta.url)('kafkajs/src/consumer/consumerGroup.js') as new (options: object) => { memberId: string; coordinator: object; heartbeat(options: { interval: number }): Promise<void> };
  const heartbeat = vi.fn(async () => undefined);
  vi.useFakeTimers({ now: Date.parse('2026-01-01T12:00:00Z') });
  try {
    const group = new Group({ topics: [], topicConfigurations: {}, logger: { namespace: () => ({}) }, instrumentationEmitter: { emit: () => undefined } });
    Object.assign(group, { memberId: 'member', coordinator: { heartbeat } });
    await group.heartbeat({ interval: 2_000 });
    expect(heartbeat).not.toHaveBeenCalled();
    vi.setSystemTime(Date.parse('2026-01-01T11:00:00Z'));
    await group.heartbeat({ interval: 2_000 });
    expect(heartbeat).toHaveBeenCalledOnce();
    await group.heartbeat({ interval: 2_000 });
    expect(heartbeat).toHaveBeenCalledOnce();
  } finally {
    vi.useRealTimers();
  }
});
