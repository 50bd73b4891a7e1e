import { startAnvil, type Anvil } from '@skein/embedded';
import { createTestClient, http, type TestClient } from 'viem';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chainClient, devAccount, fundGas, mined, type ChainClient } from '../src/index.js';

let anvil: Anvil;
let client: ChainClient;
let chain: TestClient;

beforeAll(async () => {
  anvil = await startAnvil({ blockTimeSeconds: 0 });
  client = chainClient(anvil, devAccount('contracts', 'mined'));
  chain = createTestClient({ mode: 'anvil', transport: http(anvil.rpcUrl) });
  await fundGas(anvil, [client.address]);
  await chain.setAutomine(false);
});
afterAll(() => anvil.stop());

const send = () => client.wallet.sendTransaction({ to: client.address, gas: 21_000n });

test('a transaction that waits for a block is waited for', async () => {
  const receipt = mined(client, await send());
  await chain.mine({ blocks: 1 });
  expect((await receipt).status).toBe('success');
});

test('a transaction that the chain has forgotten is named, long before a minute is over', { timeout: 20_000 }, async () => {
  const hash = await send();
  await chain.dropTransaction({ hash });
  await expect(mined(client, hash)).rejects.toThrow(`the chain does not know transaction ${hash} any more`);
});
