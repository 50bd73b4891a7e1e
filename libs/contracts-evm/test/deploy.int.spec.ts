import { startAnvil, type Anvil } from '@skein/embedded';
import { parseSignature } from 'viem';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { staleFiles } from '../tools/compile.js';
import {
  chainClient,
  deployAll,
  devAccount,
  flockAbi,
  fundGas,
  mined,
  mintFlock,
  taskIdOf,
  taskKey,
  type ChainClient,
} from '../src/index.js';
import { tokens } from './devnet.js';
import { refusal } from './refused.js';

let anvil: Anvil;
beforeAll(async () => {
  anvil = await startAnvil({ blockTimeSeconds: 0 });
});
afterAll(() => anvil.stop());

async function account(label: string): Promise<ChainClient> {
  const client = chainClient(anvil, devAccount('deploy', label));
  await fundGas(anvil, [client.address]);
  return client;
}

// The compiler is JavaScript and needs ten seconds of a core for all contracts: on a busy machine, minutes.
test('the committed interfaces and bytecode are what the sources compile to', { timeout: 300_000 }, () => {
  expect(staleFiles()).toEqual([]);
});

test('deploying again changes nothing and finds the same addresses', async () => {
  const deployer = await account('twice');
  const book = await deployAll(deployer);
  const height = await deployer.reader.getBlockNumber({ cacheTime: 0 });
  expect(await deployAll(deployer)).toEqual(book);
  expect(await deployer.reader.getBlockNumber({ cacheTime: 0 })).toBe(height);
});

test('FLOCK has its cap and takes permits', async () => {
  const [owner, spender] = [await account('owner'), await account('spender')];
  const book = await deployAll(await account('cap'), { minter: owner.address });
  await mintFlock(owner, book, owner.address, tokens(1_000_000_000));
  expect((await refusal(mintFlock(owner, book, owner.address, 1n))).name).toBe('ERC20ExceededCap');
  const deadline = 2n ** 48n;
  const signature = await owner.wallet.signTypedData({
    domain: { name: 'FLOCK', version: '1', chainId: anvil.chainId, verifyingContract: book.flock },
    types: {
      Permit: [
        { name: 'owner', type: 'address' },
        { name: 'spender', type: 'address' },
        { name: 'value', type: 'uint256' },
        { name: 'nonce', type: 'uint256' },
        { name: 'deadline', type: 'uint256' },
      ],
    },
    primaryType: 'Permit',
    message: { owner: owner.address, spender: spender.address, value: 5n, nonce: 0n, deadline },
  });
  const { r, s, yParity } = parseSignature(signature);
  const flock = { address: book.flock, abi: flockAbi } as const;
  const args = [owner.address, spender.address, 5n, deadline, yParity + 27, r, s] as const;
  await mined(spender, await spender.wallet.writeContract({ ...flock, functionName: 'permit', args }));
  const allowance = { ...flock, functionName: 'allowance', args: [owner.address, spender.address] } as const;
  expect(await spender.reader.readContract(allowance)).toBe(5n);
});

test('task ids survive the way to bytes16 and back; anything else is refused', () => {
  const taskId = '0192f0c1-2b3c-7def-8123-456789abcdef';
  expect(taskKey(taskId)).toBe('0x0192f0c12b3c7def8123456789abcdef');
  expect(taskIdOf(taskKey(taskId))).toBe(taskId);
  expect(() => taskKey(taskId.toUpperCase())).toThrow('not a lower-case UUID');
  expect(() => taskIdOf('0x12')).toThrow('not 16 bytes');
});
