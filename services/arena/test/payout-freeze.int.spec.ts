import { EventStore } from '@skein/events';
import { type Decider, type DomainEvent, ok } from '@skein/kernel';
import { migrationsOf, PayoutFreeze } from '@skein/platform';
import { type TestDatabase, freshDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { arenaService } from '../src/index.js';
import { goldenStreams } from './golden-events.js';

let db: TestDatabase;
let store: EventStore;
let freeze: PayoutFreeze;

beforeAll(async () => {
  db = await freshDatabase(...migrationsOf(arenaService));
  store = new EventStore({ pool: db.appPool });
  freeze = new PayoutFreeze(db.appPool);
});
afterAll(async () => {
  await store.close();
  await db.drop();
});

const PAYING = ['skein.arena.epoch.closed.v1', 'skein.arena.final.concluded.v1', 'skein.arena.task.finished.v1'];
const chain = 'eip155:31337';
const passed = (version: bigint) => freeze.pass({ chain, version, logSinceMs: 1n, block: 7n, checkedAtMs: 10n ** 15n, holdsForMs: 60_000n });

/** Decides one event, whatever the stream holds. */
const decides = (event: DomainEvent): Decider<undefined, undefined, DomainEvent> => ({ initialState: () => undefined, decide: () => ok([event]), evolve: () => undefined });

async function rulesOf(decided: Iterable<DomainEvent>): Promise<Record<string, string>> {
  const rules: Record<string, string> = {};
  for (const event of decided) {
    const done = await store.execute({ decider: decides(event), streamId: event.type, command: () => undefined, metadata: { correlationId: 'test', actor: 'service:arena' } });
    if (!done.ok) rules[event.type] = `${done.error.code} ${done.error.rule} ${String(done.error.retriable)}`;
  }
  return rules;
}

const each = (rule: string) => Object.fromEntries(PAYING.map((type) => [type, `unavailable ${rule} true`]));

test('an epoch’s rewards, the division of the locked pool and its vesting wait in their appends; nothing else does', async () => {
  const events = [...goldenStreams().events.values()];
  expect(events.filter(({ type }) => PAYING.includes(type))).toHaveLength(PAYING.length);
  expect(await rulesOf(events)).toEqual(each('reconciliation-missing'));
  await passed(1n);
  expect(await rulesOf(events)).toEqual({});
  await freeze.take({ chain, version: 2n, logSinceMs: 1n, frozen: true, rule: 'totals-differ', reason: 'staked: 7, 8' });
  expect(await rulesOf(events)).toEqual(each('payouts-frozen'));
  await freeze.take({ chain, version: 3n, logSinceMs: 1n, frozen: false, rule: '', reason: 'seen' });
  expect(await rulesOf(events)).toEqual({});
});

test('what was decided in one transaction with a payout waits with it', async () => {
  const { events } = goldenStreams();
  await freeze.take({ chain, version: 4n, logSinceMs: 1n, frozen: true, rule: 'totals-differ', reason: 'staked: 7, 8' });
  const decider = { ...decides(events.get('skein.arena.epoch.closed.v1')!), decide: () => ok(['skein.arena.submission.scored.v1', 'skein.arena.epoch.closed.v1'].map((type) => events.get(type)!)) };
  const inbox = { consumer: 'arena.verdicts', messageId: 'verdict' };
  const give = () => store.execute({ decider, streamId: 'both', command: () => undefined, metadata: { correlationId: 'test', actor: 'service:arena' }, inbox });
  expect(await give()).toMatchObject({ ok: false, error: { rule: 'payouts-frozen' } });
  expect(await store.readStream('both')).toEqual([]);
  await freeze.take({ chain, version: 5n, logSinceMs: 1n, frozen: false, rule: '', reason: 'seen' });
  expect(await give()).toMatchObject({ ok: true, value: { duplicate: false, version: 2 } });
});
