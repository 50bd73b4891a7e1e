import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAnvil, type Anvil } from '@skein/embedded';
import { EventStore, eventsMigrations } from '@skein/events';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { FollowChain, type Step } from '../src/application/follow-chain.js';
import { chainDecider } from '../src/domain/chain/chain.decider.js';
import { JsonRpc } from '../src/infrastructure/json-rpc.js';
import { RpcChainSource } from '../src/infrastructure/rpc-chain-source.js';
import { TestChain } from './chain.js';

const folder = mkdtempSync(join(tmpdir(), 'skein-devnet-'));
const stateFile = join(folder, 'chain.json');
let database: TestDatabase;
let store: EventStore;
let running: Anvil;

beforeAll(async () => {
  database = await freshDatabase(eventsMigrations);
  store = new EventStore({ pool: database.appPool });
});
afterEach(() => running.stop());
afterAll(async () => {
  await store.close();
  await database.drop();
  rmSync(folder, { recursive: true });
});

async function start(): Promise<TestChain> {
  running = await startAnvil({ stateFile, blockTimeSeconds: 0 });
  return TestChain.over(running);
}

async function follow({ anvil, book }: TestChain): Promise<Step> {
  const source = new RpcChainSource(new JsonRpc(anvil.rpcUrl), book);
  const follower = new FollowChain(store, source, { chainId: anvil.chainId, fromBlock: Number(book.fromBlock) });
  for (;;) {
    const step = await follower.step();
    if (!step.behind) return step;
  }
}

const staked = async (): Promise<bigint> => (await store.state(chainDecider, 'chain-31337')).state.stakedFinal;

test('a devnet that was stopped and started again is the same chain', async () => {
  const first = await start();
  await first.stake(await first.staker('restart', 10n ** 20n), 5n);
  await first.anvil.mine(2);
  expect((await follow(first)).halted).toBeUndefined();
  expect(await staked()).toBe(5n);
  await running.stop();
  copyFileSync(stateFile, `${stateFile}.old`);

  const second = await start();
  expect(second.book).toEqual(first.book);
  await second.stake(await second.staker('restart-2', 10n ** 20n), 6n);
  await second.anvil.mine(40);
  expect((await follow(second)).halted).toBeUndefined();
  expect(await staked()).toBe(11n);
});

test('a devnet that came back with an old state is not believed, whatever it has grown to since', async () => {
  copyFileSync(`${stateFile}.old`, stateFile);
  const old = await start();
  expect((await follow(old)).halted?.rule).toBe('latest-went-backwards');
  await old.anvil.mine(100);
  expect((await follow(old)).halted?.rule).toBe('finality-violated');
  expect(await staked()).toBe(11n);
});

test('a devnet that begins anew is another chain', async () => {
  rmSync(stateFile);
  const fresh = await start();
  await fresh.anvil.mine(200);
  expect((await follow(fresh)).halted?.rule).toBe('another-chain');
});
