import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { changingClient } from './chain.js';

test('a fork whose answer does not come is not begun a second time', async () => {
  let asked = 0;
  const broken = createServer((_, answer) => {
    asked += 1;
    answer.writeHead(503).end();
  }).listen(0, '127.0.0.1');
  await once(broken, 'listening');
  const client = changingClient(`http://127.0.0.1:${(broken.address() as AddressInfo).port}`);
  await expect(client.request({ method: 'anvil_reorg', params: [64, []] } as never)).rejects.toThrow('HTTP request failed');
  expect(asked).toBe(1);
  broken.closeAllConnections();
  broken.close();
});
