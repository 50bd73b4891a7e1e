import { DeterministicRandom, sha256 } from '@skein/kernel';
import { afterEach, expect, test } from 'vitest';
import { FINAL_DEPTH, ForkingChain, type Became } from './forking-chain.js';
import { ReorgScene } from './reorg-scene.js';

// Histories of forks: a slice of them each day, a thousand others in `npm run test:deep`.
const SEED = Number(process.env['DEEP_SEED'] ?? 1);
const DEEP = process.env['DEEP_SEED'] !== undefined || process.env['REORG_CASES'] !== undefined;
const CASES = Number(process.env['REORG_CASES'] ?? (DEEP ? 1_000 : 15));
/** Forks of one devnet. A block costs it the more the longer its chain is: after hundreds of forks each took seconds. */
const FORKS_PER_CHAIN = 25;
/** Forks after which a long run says how far it is. */
const SAID_EVERY = 50;

let scene: ReorgScene | undefined;
afterEach(leave);

async function leave(): Promise<void> {
  const left = scene;
  scene = undefined;
  await left?.stop();
}

async function fresh(): Promise<ReorgScene> {
  await leave();
  return (scene = await ReorgScene.start());
}

async function forkOnce(on: ReorgScene, forking: ForkingChain): Promise<void> {
  await forking.grow(1 + forking.draw(4));
  await forking.mine(forking.draw(FINAL_DEPTH));
  if (forking.draw(4) > 0) await on.catchUp();
  // Mostly deeper than the safe block: what lies above has not been read.
  await forking.fork(forking.draw(3) === 0 ? forking.draw(FINAL_DEPTH + 1) : FINAL_DEPTH - forking.draw(FINAL_DEPTH / 4));
  if (forking.draw(8) === 0) on.restartFollower();
  if (forking.draw(2) === 0) await forking.mine(forking.draw(FINAL_DEPTH * 2));
  await on.compare();
}

/** What one devnet's forks came to. Its draws follow from the seed and its first case alone. */
async function forkOneChain(first: number, forks: number, tell: (at: number) => void): Promise<{ became: Became; reverts: number }> {
  const on = await fresh();
  const forking = new ForkingChain(on.chain, on.wallets, new DeterministicRandom(sha256(new TextEncoder().encode(`reorg ${SEED} ${first}`))));
  for (let at = first; at < first + forks; at += 1) {
    await forkOnce(on, forking).catch((error: unknown) => {
      throw new Error(`seed ${SEED}, case ${at}: ${(error as Error).message}`, { cause: error });
    });
    tell(at + 1);
  }
  await forking.mine(FINAL_DEPTH + 1);
  await on.compare();
  expect(await on.guard.check()).toMatchObject({ ok: true, value: { differences: [] } });
  expect(await on.finalFactsStand()).toBe(forking.standing);
  return { became: forking.became, reverts: await on.reverts() };
}

test(`${CASES} forks down to the final block: balances are the contract's after each`, { timeout: 3_600_000 }, async () => {
  const startedMs = performance.now();
  const tell = (done: number): void => {
    if (DEEP && (done % SAID_EVERY === 0 || done === CASES)) process.stdout.write(`seed ${SEED}: ${done} forks, ${((performance.now() - startedMs) / done).toFixed(0)} ms each\n`);
  };
  const sum = { moved: 0, dropped: 0, replaced: 0, together: 0, reverts: 0 };
  for (let first = 0; first < CASES; first += FORKS_PER_CHAIN) {
    const { became, reverts } = await forkOneChain(first, Math.min(FORKS_PER_CHAIN, CASES - first), tell);
    for (const [what, count] of Object.entries({ ...became, reverts })) sum[what as keyof typeof sum] += count;
  }
  if (DEEP) process.stdout.write(`seed ${SEED}: ${JSON.stringify(sum)}\n`);
  expect(Math.min(...Object.values(sum))).toBeGreaterThan(CASES / 20);
});

test('a fork below the final block stops the chain and freezes payouts; nothing final changes', async () => {
  const on = await fresh();
  await on.chain.stake(on.wallets[0]!, 5n);
  await on.chain.mineAtOnce(FINAL_DEPTH + 4);
  await on.compare();
  const before = (await on.readModel()).final;
  expect([...before.values()]).toEqual([5n]);
  await on.chain.reorg(FINAL_DEPTH + 8);
  const step = await on.catchUp();
  expect([step.halted?.rule, step.lasting]).toEqual(['finality-violated', true]);
  await on.guard.halted(step);
  expect(await on.guard.state()).toMatchObject({ frozen: { rule: 'finality-violated', differences: [] } });
  await on.chain.mineAtOnce(FINAL_DEPTH * 2);
  on.restartFollower();
  expect((await on.catchUp()).halted?.rule).toBe('finality-violated');
  expect((await on.readModel()).final).toEqual(before);
});
