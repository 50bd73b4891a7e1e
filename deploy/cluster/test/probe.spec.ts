import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { statusOf } from '../src/probe.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

async function listening(answer: RequestListener, port = 0): Promise<{ server: Server; url: string; port: number }> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const { port: taken } = server.address() as AddressInfo;
  return { server, url: `http://127.0.0.1:${taken}/health/live`, port: taken };
}

test('the status is answered over one kept connection', async () => {
  let connections = 0;
  const { server, url } = await listening((_request, response) => response.writeHead(503).end('{"live":false}'));
  server.on('connection', () => (connections += 1));
  for (let turn = 0; turn < 3; turn += 1) expect(await statusOf(url, 5_000)).toBe(503);
  expect(connections).toBe(1);
});

test('a process that was started again answers, although the kept connection ended with the one before', async () => {
  const { server, url, port } = await listening((_request, response) => response.end());
  expect(await statusOf(url, 5_000)).toBe(200);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
  await listening((_request, response) => response.end(), port);
  expect(await statusOf(url, 5_000)).toBe(200);
});

test('nobody there and nobody who answers are no status', async () => {
  const { server, url } = await listening(() => undefined);
  expect(await statusOf(url, 50)).toBeUndefined();
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  expect(await statusOf(url, 5_000)).toBeUndefined();
});
