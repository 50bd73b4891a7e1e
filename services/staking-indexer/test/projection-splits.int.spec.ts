import { DeterministicRandom, sha256, utf8 } from '@skein/kernel';
import { differingSplits, freshDatabase, mixedLog, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ChainEvent } from '../src/domain/chain/chain.events.js';
import type { ChainFact } from '../src/domain/facts.js';
import { stakingProjection } from '../src/projections/staking.projection.js';
import { blockOf, finalised, finalisedAtOnce, moved, observed, reverted, started } from './chain-fixtures.js';
import { everyKind, stakeHistory } from './histories.js';
import { placed } from './indexer.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.drop());

/** The same transactions in blocks of a fork, other log indices, which the chain leaves again. */
function stray(its: readonly ChainFact[], number: number, final: number): ChainEvent[] {
  const there = its.map((one) => ({ ...placed(one.fact, number, one.logIndex + 1, 'fork'), txHash: one.txHash }));
  return [...there.map(observed), moved(blockOf(number, 'fork'), blockOf(final)), reverted(blockOf(number - 1), blockOf(number, 'fork'))];
}

/** What a follower records of these facts: some at once, some pending for a few blocks, some first in blocks that were left. */
function recorded(facts: readonly ChainFact[], random: DeterministicRandom): ChainEvent[] {
  const events: ChainEvent[] = [started()];
  let pending: ChainFact[] = [];
  let final = 0;
  const settle = (number: number): void => {
    final = number;
    events.push(...pending.map((fact) => finalised(fact, blockOf(number))), moved(blockOf(number), blockOf(number)));
    pending = [];
  };
  for (const [number, its] of Map.groupBy(facts, ({ blockNumber }) => blockNumber)) {
    const way = random.intBelow(4);
    if (way === 0) {
      settle(number - 1);
      final = number;
      events.push(finalisedAtOnce(its, blockOf(number)), moved(blockOf(number), blockOf(number)));
      continue;
    }
    if (way === 1) events.push(...stray(its, number, final));
    events.push(...its.map(observed), moved(blockOf(number), blockOf(final)));
    pending.push(...its);
    if (random.intBelow(3) === 0) settle(number);
  }
  return events;
}

test.each([1, 2, 3])('facts come to the same rows over any split of the log, forks and every kind of fact included (%i)', async (seed) => {
  const random = new DeterministicRandom(sha256(utf8(`splits-${seed}`)));
  const kinds = everyKind();
  const later = kinds.at(-1)!.blockNumber;
  const stakes = stakeHistory(seed, 15).map(({ fact, blockNumber, logIndex }) => placed(fact, blockNumber + later, logIndex));
  const log = mixedLog({ 'chain-31337': recorded([...kinds, ...stakes], random) }, random);
  for (const type of ['fact.observed', 'fact.finalised', 'facts.finalised', 'blocks.reverted']) expect(log.some((event) => event.type === `skein.staking.${type}.v1`)).toBe(true);
  expect(await differingSplits(db.appPool, stakingProjection, log, 6, random)).toEqual([]);
});
