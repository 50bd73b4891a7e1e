import { Client, credentials, Server, ServerCredentials, type ChannelCredentials } from '@grpc/grpc-js';
import { impatient } from '@skein/contracts/grpc';
import { eventually } from '@skein/testing';
import { startFaultProxy, type FaultProxy } from '@skein/testing/fault-proxy';
import { afterEach, beforeEach, expect, test } from 'vitest';

let server: Server;
let proxy: FaultProxy;
let client: Client | undefined;

beforeEach(async () => {
  server = new Server();
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => (error === null ? resolve(port) : reject(error)));
  proxy = await startFaultProxy({ target: await promise });
});
afterEach(async () => {
  client?.close();
  server.forceShutdown();
  await proxy.stop();
});

/** Whether the client has a connection that answers, `withinMs` from now. */
const ready = (withinMs: number): Promise<boolean> => new Promise((resolve) => client?.waitForReady(performance.timeOrigin + performance.now() + withinMs, (error) => resolve(error === undefined)));
/** A call of a method that the server does not have: its refusal is an answer. */
const answered = (): Promise<void> => new Promise((resolve) => client?.makeUnaryRequest('/a.B/C', () => Buffer.alloc(0), (bytes) => bytes, {}, () => resolve()));
const connect = (channel: ChannelCredentials): void => void (client = new Client(`127.0.0.1:${proxy.port}`, channel, { 'grpc.initial_reconnect_backoff_ms': 50, 'grpc.max_reconnect_backoff_ms': 100, 'grpc.use_local_subchannel_pool': 1 }));

test('a connection that is half open from its first byte on is given up, and the next one is used', async () => {
  proxy.halfOpen();
  connect(impatient(credentials.createInsecure(), 200));
  expect(await ready(500)).toBe(false);
  await eventually(() => expect(proxy.connections()).toBeGreaterThan(0));
  proxy.heal();
  expect(await ready(10_000)).toBe(true);
});

test('a connection that answered once is left to its pings', async () => {
  connect(impatient(credentials.createInsecure(), 100));
  expect(await ready(5_000)).toBe(true);
  const closed: string[] = [];
  client?.getChannel().watchConnectivityState(client.getChannel().getConnectivityState(false), Infinity, () => closed.push('another state'));
  for (const until = performance.now() + 300; performance.now() < until; ) await answered();
  expect(closed).toEqual([]);
});
