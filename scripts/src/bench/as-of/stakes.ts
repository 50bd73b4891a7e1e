import type { ChainEvent, ChainFact, Fact, StakeRole } from '@skein/staking-indexer/domain';

const WALLETS = 10_000;
const TASKS = 100;
const FACTS_PER_BLOCK = 50;
const FACTS_PER_EVENT = 60;
/** Every so many facts are one wallet's: somebody who stakes again and again has a long history. */
const BUSY_EVERY = 10;
const LOCK_EVERY = 10;
/** Owners of pools, the first wallets. */
const POOLS = 500;
const ROLES: readonly StakeRole[] = ['node', 'validator', 'participant'];
const TOKEN = 10n ** 18n;

export const walletOf = (number: number): string => `eip155:31337:0x${number.toString(16).padStart(40, '0')}`;
export const taskOf = (number: number): string => `0192f0c1-2b3c-7def-8123-${number.toString(16).padStart(12, '0')}`;
export const blockOf = (fact: number): number => 1 + Math.floor(fact / FACTS_PER_BLOCK);
const hashOf = (block: number): string => `0x${block.toString(16).padStart(64, '0')}`;

/** Numbers below `below` that look like chance and are the same each time. */
export function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function placed(at: number, fact: Fact): ChainFact {
  const block = blockOf(at);
  return { blockNumber: block, blockHash: hashOf(block), blockTimeMs: 1_800_000_000_000 + block * 2_000, logIndex: at % FACTS_PER_BLOCK, txHash: hashOf(at), ordinal: 0, fact };
}

const addressOf = (number: number): string => `0x${number.toString(16).padStart(40, 'f')}`;
const poolOf = (number: number): Fact => ({ kind: 'pool-created', owner: walletOf(number), pool: addressOf(number), sigma: 200_000 });
const delegatedTo = (number: number): Fact => ({
  kind: 'delegated', pool: addressOf(number), delegator: walletOf(20_000 + number), amount: TOKEN, shares: TOKEN, epoch: 0, aboveCap: 0n,
});

/** Pools first, then locks among stakes, which are taken back now and then, of many wallets on many tasks, as a backfill records them. */
export function* stakeEvents(count: number): Iterable<ChainEvent> {
  const draw = numbers(1);
  const held = new Map<string, bigint>();
  yield { type: 'skein.staking.chain.started.v1', data: { chainId: 31_337, genesis: { number: 0, hash: hashOf(0) }, cursor: { number: 0, hash: hashOf(0) } } };
  const last = { number: blockOf(count), hash: hashOf(blockOf(count)) };
  const parameters = { treasury: walletOf(0), ownFeeBps: 800, delegatorFeeBps: 1_450, reporterBps: 1_000, delegationCap: 3 };
  let facts: ChainFact[] = [placed(0, { kind: 'parameters-changed', ...parameters })];
  let locks = 0n;
  for (let at = 0; at < count; at += 1) {
    const who = at % BUSY_EVERY === 0 ? 0 : 1 + draw(WALLETS);
    if (at < POOLS * 2) {
      facts.push(placed(at, at % 2 === 0 ? poolOf(at / 2) : delegatedTo((at - 1) / 2)));
      if (facts.length === FACTS_PER_EVENT) yield { type: 'skein.staking.facts.finalised.v1', data: { facts: facts.splice(0), asOf: last } };
      continue;
    }
    const [wallet, taskId, role] = [walletOf(who), taskOf((who + draw(5)) % TASKS), ROLES[who % 3]!];
    const key = `${who} ${taskId}`;
    if (at % LOCK_EVERY === 1) {
      const terms = { multiplier: 11_800, feeBps: 513, unlockAtMs: 1_900_000_000_000 };
      facts.push(placed(at, { kind: 'locked', lockId: (locks += 1n), wallet, amount: TOKEN, gm: TOKEN, ...terms }));
    } else {
      const before = held.get(key) ?? 0n;
      const amount = BigInt(1 + draw(1_000)) * TOKEN;
      const leaves = before > 0n && draw(20) === 0;
      held.set(key, leaves ? 0n : before + amount);
      facts.push(placed(at, leaves ? { kind: 'withdrawn', taskId, role, wallet, amount: before } : { kind: 'staked', taskId, role, wallet, amount, balance: before + amount }));
    }
    if (facts.length < FACTS_PER_EVENT && at < count - 1) continue;
    yield { type: 'skein.staking.facts.finalised.v1', data: { facts, asOf: last } };
    facts = [];
  }
  yield { type: 'skein.staking.cursor.moved.v1', data: { cursor: last, finalised: last } };
}
