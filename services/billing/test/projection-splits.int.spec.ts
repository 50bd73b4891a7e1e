import { DeterministicRandom, sha256 } from '@skein/kernel';
import { differingSplits, freshDatabase, mixedLog, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LedgerCommand } from '../src/domain/ledger/ledger.commands.js';
import type { LedgerEvent } from '../src/domain/ledger/ledger.events.js';
import { buy, capture, nothingPlayed, release, reserve, step } from '../src/domain/ledger/test-ledger.js';
import { billingProjections } from '../src/index.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.drop());

/** A customer's ledger under drawn commands, most of them sensible. */
function ledgerLog(random: DeterministicRandom, name: string): LedgerEvent[] {
  let played = nothingPlayed();
  for (let turn = 0; turn < 60; turn += 1) {
    const reservationId = `${name}-${random.intBelow(15)}`;
    const nowMs = turn * 3_000;
    const commands: LedgerCommand[] = [
      buy(BigInt(1 + random.intBelow(5_000)), `${name}-p${turn}`), reserve(reservationId, 1_200n, { nowMs }), reserve(reservationId, 1_200n, { nowMs }),
      capture(reservationId, 1, 300_000_000n, nowMs), capture(reservationId, 1, 300_000_000n, nowMs), release(reservationId, random.intBelow(2) === 0 ? 'failed' : 'expired', nowMs),
    ];
    played = step(played, commands[random.intBelow(commands.length)]!);
  }
  return played.log.map((event) => (event.type === 'skein.billing.ledger.opened.v1' ? { ...event, data: { ...event.data, ledgerId: name } } : event));
}

test.each(['1', '2', '3', '4'])('books and charges come to the same rows over any split of the log (%s)', async (seed) => {
  const random = new DeterministicRandom(sha256(new TextEncoder().encode(`splits-${seed}`)));
  const streams = Object.fromEntries(['ledger-a', 'ledger-b', 'ledger-c'].map((name) => [name, ledgerLog(random, name)]));
  const log = mixedLog(streams, random);
  for (const type of ['credit-reserved', 'call-charged', 'credit-released', 'transfers-applied']) expect(log.map((event) => event.type)).toContain(`skein.billing.ledger.${type}.v1`);
  for (const projection of billingProjections.filter(({ applyBatch }) => applyBatch)) expect(await differingSplits(db.appPool, projection, log, 12, random)).toEqual([]);
});
