import { freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { deadlinesOf, eventsMigrations, EventStore, findEvents, type EventFilter } from '../src/index.js';

const SUBJECT = '0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b';

let db: TestDatabase;
let store: EventStore;
beforeAll(async () => {
  db = await freshDatabase(eventsMigrations);
  store = new EventStore({ pool: db.appPool });
});
afterAll(async () => {
  await store.close();
  await db.drop();
});

/** All pages of a search. */
async function all(filter: Omit<EventFilter, 'limit'>, limit: number): Promise<{ pages: number; streams: string[] }> {
  const streams: string[] = [];
  for (let pages = 1, after: bigint | undefined; ; pages += 1) {
    const page = await findEvents(db.appPool, { ...filter, limit, ...(after === undefined ? {} : { after }) });
    streams.push(...page.events.map(({ streamId }) => streamId));
    if (page.next === undefined) return { pages, streams };
    after = page.next;
  }
}

it('finds what followed from an event page by page, each once, whatever the pages hold', async () => {
  await store.append('cause-1', 'none', [{ type: 'skein.test.made.v1', data: {} }], { correlationId: 'c', actor: 'operator' });
  const [cause] = await store.readStream('cause-1');
  for (const n of [0, 1, 2, 3, 4]) await store.append(`effect-${n}`, 'none', [{ type: 'skein.test.moved.v1', data: { of: SUBJECT } }], { correlationId: 'c', causationId: cause!.eventId, actor: 'operator' });
  await store.positionOf('effect-4', 1);
  const effects = ['effect-0', 'effect-1', 'effect-2', 'effect-3', 'effect-4'];
  expect(await all({ causationIds: [cause!.eventId] }, 2)).toEqual({ pages: 3, streams: effects });
  expect(await all({ causationIds: [cause!.eventId] }, 5)).toEqual({ pages: 2, streams: effects });
  expect(await all({ subject: SUBJECT }, 10)).toEqual({ pages: 1, streams: effects });
  const several = Array.from({ length: 5 }, () => ({ type: 'skein.test.moved.v1', data: {} }));
  await store.append('effects', 'none', several.slice(0, 3), { correlationId: 'd', causationId: 'of-three', actor: 'operator' });
  await store.append('effects', 3, several, { correlationId: 'd', causationId: 'of-five', actor: 'operator' });
  await store.positionOf('effects', 8);
  expect((await all({ causationIds: ['of-three'] }, 2)).streams).toHaveLength(3);
  expect((await all({ causationIds: ['of-three', 'of-five'] }, 3)).streams).toHaveLength(8);
  expect(await all({ causationIds: [cause!.eventId], correlationId: 'c', subject: SUBJECT }, 4)).toEqual({ pages: 2, streams: ['cause-1', ...effects] });
  expect(await all({}, 10)).toEqual({ pages: 1, streams: [] });
});

it('looks at no more of the log than has to do with it, where causes are asked for', async () => {
  await db.ownerPool.query('ANALYZE es_event');
  const { rows } = await db.ownerPool.query<{ 'QUERY PLAN': string }>(
    `SET enable_seqscan = off; EXPLAIN SELECT e.seq FROM es_history e WHERE get_byte(uuid_send(e.event_id), 15) = 0 AND e.metadata->>'causationId' IS NOT NULL AND e.metadata->>'causationId' = ANY (ARRAY['a', 'b'])`,
  ).then((results) => (Array.isArray(results) ? results.at(-1) : results) as { rows: { 'QUERY PLAN': string }[] });
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
  expect(plan).toContain('es_event_cause');
  expect(plan).toContain('es_event_archive_cause');
});

it('finds what a search by name comes to after many events that name nothing', async () => {
  await db.ownerPool.query(`INSERT INTO es_event (stream_id, version, event_id, type, schema_version, data, metadata, recorded_at_ms)
    SELECT 'other', n, gen_random_uuid(), 'skein.test.other.v1', 1, '{}', '{}', 1 FROM generate_series(1, 120000) AS n`);
  await store.append(`last-${SUBJECT}`, 'none', [{ type: 'skein.test.made.v1', data: {} }], { correlationId: 'c', actor: 'operator' });
  await store.positionOf(`last-${SUBJECT}`, 1);
  const { pages, streams } = await all({ subject: SUBJECT }, 100);
  expect([pages, streams.at(-1), streams.length]).toEqual([2, `last-${SUBJECT}`, 6]);
});

it('deadlines are those of the ids that name the key, each timer and job looked at once', async () => {
  const [one, two, none] = ['1', '2', '3'].map((n) => SUBJECT.replace(/.$/, n)) as [string, string, string];
  const timer = (id: string, due: number) => db.appPool.query(`INSERT INTO es_timer (id, kind, payload, due_at_ms, available_at) VALUES ($1, 'k', '{}', $2, now())`, [id, due]);
  const job = (id: string, state: string) => db.appPool.query(`INSERT INTO es_job (id, kind, payload, state) VALUES ($1, 'k', '{}', $2)`, [id, state]);
  await Promise.all([timer(`due-${one}/7`, 70), timer(`${one}/${two}`, 50), timer('nobody', 1), job(`j/${one}`, 'open'), job(`k/${one}`, 'failed'), job(`l/${one}`, 'done'), job(`j/${two}`, 'failed')]);
  const { byKey, nowMs } = await deadlinesOf(db.appPool, [one, two, none]);
  expect(nowMs).toBeGreaterThan(0);
  expect([one, two, none].map((key) => byKey.get(key))).toEqual([
    { nextDueAtMs: 50, openJobs: 1, failedJobs: 1 }, { nextDueAtMs: 50, openJobs: 0, failedJobs: 1 }, { nextDueAtMs: undefined, openJobs: 0, failedJobs: 0 },
  ]);
});
