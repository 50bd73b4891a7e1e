import { expect, test } from 'vitest';
import type { Edge, ProcessId } from './options.js';
import { viaEdges } from './via.js';

const from: ProcessId = { service: 'arena', role: 'worker', index: 0 };
const ENV = {
  DATABASE_URL: 'postgres://app:p%40ss@db.example:5433/arena?sslmode=disable',
  EVENT_LOG_URL: 'kafka://a.example:9092,b.example?client=kafkajs',
  PEERS_BILLING: '127.0.0.1:7416',
  OTHER: 'untouched',
};
const PEERS = [['PEERS_BILLING', 'billing'], ['PEERS_VALIDATION', 'validation']] as const;

test('edges that nobody wants stay as they are', async () => {
  const seen: Edge[] = [];
  const same = await viaEdges(from, ENV, PEERS, async (edge) => {
    seen.push(edge);
    return edge.port;
  });
  expect(same).toEqual({ ...ENV, EVENT_LOG_URL: 'kafka://a.example:9092,b.example:9092?client=kafkajs' });
  expect(seen).toEqual([
    { from, to: 'postgres', host: 'db.example', port: 5433 },
    { from, to: 'event-log', host: 'a.example', port: 9092 },
    { from, to: 'event-log', host: 'b.example', port: 9092 },
    { from, to: 'billing', host: '127.0.0.1', port: 7416 },
  ]);
});

test('an edge goes through the port that is answered, on the loopback', async () => {
  const led = await viaEdges(from, ENV, PEERS, async ({ to, port }) => (to === 'postgres' ? 1111 : to === 'billing' ? 2222 : port));
  expect(led['DATABASE_URL']).toBe('postgres://app:p%40ss@127.0.0.1:1111/arena?sslmode=disable');
  expect(led['PEERS_BILLING']).toBe('127.0.0.1:2222');
  expect(led['EVENT_LOG_URL']).toContain('a.example:9092');
});
