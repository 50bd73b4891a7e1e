import { DeterministicRandom, fold, sha256 } from '@skein/kernel';
import { differingSplits, freshDatabase, mixedLog, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { callDecider, type CallCommand } from '../src/domain/call/call.decider.js';
import type { CallEvent } from '../src/domain/call/call.events.js';
import { marketplaceProjections } from '../src/index.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.drop());

/** A call whose attempts die, are given up, run and are charged as it is drawn. */
function callLog(random: DeterministicRandom, callId: string): CallEvent[] {
  const log: CallEvent[] = [];
  for (let turn = 0; turn < 8; turn += 1) {
    const nowMs = 1 + turn * 6;
    const pins = { reservationId: `${callId}-${turn}`, customer: 'customers/c', keyId: 'k', model: 'pima', version: 1 + random.intBelow(2), priceVersion: turn + 1, unitPriceE15: 10_721n, rows: 1 + turn, amountMax: 1n };
    const state = fold(callDecider, log);
    const attempt = state.status === 'none' ? 1 : state.started.attempt;
    const commands: CallCommand[] = [
      { type: 'start-call', callId, requestSha256: 'aa', pins, leaseMs: 10, nowMs }, { type: 'record-run', attempt, cpuUs: 40 + turn, computeCostE15: 5n, nowMs },
      { type: 'record-capture', gross: BigInt(turn), nowMs }, { type: 'void-call', attempt, reason: 'failed', nowMs },
    ];
    const decided = callDecider.decide(commands[turn === 0 ? 0 : random.intBelow(commands.length)]!, state);
    if (decided.ok) log.push(...decided.value);
  }
  return log;
}

test.each(['1', '2', '3', '4'])('calls come to the same rows over any split of the log (%s)', async (seed) => {
  const random = new DeterministicRandom(sha256(new TextEncoder().encode(`splits-${seed}`)));
  const streams = Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`call-${index}`, callLog(random, `c${index}`)]));
  const log = mixedLog(streams, random);
  expect(log.some((event) => event.type === 'skein.marketplace.call.started.v1' && (event.data as { attempt: number }).attempt > 1)).toBe(true);
  for (const projection of marketplaceProjections.filter(({ applyBatch }) => applyBatch)) expect(await differingSplits(db.appPool, projection, log, 12, random)).toEqual([]);
});
