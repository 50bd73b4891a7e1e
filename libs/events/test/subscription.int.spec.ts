import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  compareProjection, eventsMigrations, EventStore, projectionSink, reactorSink, rebuildProjection, Subscription, waitForPosition, type Sink,
} from '../src/index.js';
import { deposited, metadata, withdrawn } from './account.js';
import { balances } from './balances.js';

let db: TestDatabase;
let store: EventStore;
let running: Subscription[];
const ignore = (): void => undefined;
beforeEach(async () => {
  db = await freshDatabase(eventsMigrations);
  store = new EventStore({ pool: db.appPool });
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map((subscription) => subscription.stop()));
  await store.close();
  await db.drop();
});

function subscribe(sink: Sink, options: Partial<ConstructorParameters<typeof Subscription>[0]> = {}): Subscription {
  const subscription = new Subscription({ store, sink, onError: ignore, ...options });
  running.push(subscription);
  return subscription;
}

const write = async (count: number, accounts = 3): Promise<void> => {
  for (let n = 0; n < count; n += 1) await store.append(`account-${n % accounts}`, 'any', n % 4 === 3 ? [withdrawn(1n)] : [deposited(2n), deposited(1n)], metadata);
};
const balanceRows = async (): Promise<unknown[]> => (await db.appPool.query('SELECT account, units, movements FROM balances.balance ORDER BY account')).rows;

test('what is refused again and again is seen: not ready, with the time, until it is delivered', async () => {
  let refuse = true;
  const handle = async (): Promise<void> => {
    if (refuse) throw new Error('a refusal with a name in it');
  };
  const [stuck, patient] = [subscribe(reactorSink({ name: 'stuck', handle }), { stuckMs: 0 }), subscribe(reactorSink({ name: 'patient', handle }))];
  await stuck.start();
  await patient.start();
  await eventually(() => expect([stuck.ready(), patient.ready()]).toEqual([true, true]));
  await store.append('account-a', 'none', [deposited(5n)], metadata);
  await eventually(() => expect([stuck.ready(), patient.status().failing]).toEqual([false, 'a refusal with a name in it']));
  expect(stuck.waitsFor()).toMatch(/^has retried a failure for \d+ s$/);
  expect([patient.ready(), patient.waitsFor()]).toEqual([true, undefined]);
  refuse = false;
  await eventually(() => expect([stuck.ready(), stuck.waitsFor()]).toEqual([true, undefined]));
});

describe('projection', () => {
  test('follows the log, is woken by appends, and knows its lag', async () => {
    const subscription = subscribe(projectionSink(store, balances()), { pollMs: 60_000 });
    await subscription.start();
    await store.append('account-a', 'none', [deposited(5n)], metadata);
    await store.append('other-1', 'none', [{ type: 'skein.test.other.v1', data: {} }], metadata);
    expect(await waitForPosition(db.appPool, 'balances', 2n, 5_000)).toBe(true);
    expect(await balanceRows()).toEqual([{ account: 'account-a', units: '5', movements: 1 }]);
    expect(await subscription.lag()).toBe(0n);
    await subscription.stop();
    await write(3);
    await store.headPosition();
    expect(await subscription.lag()).toBe(6n);
    expect(await waitForPosition(db.appPool, 'balances', 8n, 0)).toBe(false);
  });

  test('is ready when its tables are there, not before', async () => {
    const sink = projectionSink(store, balances());
    let refuse = true;
    const subscription = subscribe({ ...sink, prepare: async () => (refuse ? Promise.reject(new Error('not yet')) : sink.prepare?.()) });
    expect(subscription.ready()).toBe(false);
    await subscription.start();
    await eventually(() => expect(subscription.status().failing).toBe('not yet'));
    expect(subscription.ready()).toBe(false);
    refuse = false;
    await eventually(() => expect(subscription.ready()).toBe(true));
    expect(await balanceRows()).toEqual([]);
    const standby = subscribe(sink);
    await standby.start();
    await eventually(() => expect(standby.ready()).toBe(true));
  });

  test('a batch that fails leaves neither rows nor a checkpoint, and is repeated', async () => {
    const projection = balances();
    let failures = 3;
    const failing = { ...projection, apply: async (...args: Parameters<typeof projection.apply>) => {
      await projection.apply(...args);
      if (args[1].position === 4n && failures-- > 0) throw new Error('in the middle of a batch');
    } };
    await write(4);
    const subscription = subscribe(projectionSink(store, failing));
    await expect(subscription.catchUp()).rejects.toThrow('in the middle');
    expect((await db.appPool.query('SELECT * FROM balances.movement')).rows).toEqual([]);
    expect((await db.appPool.query(`SELECT position FROM es_subscription WHERE name = 'balances'`)).rows).toEqual([{ position: '0' }]);
    await subscription.start();
    await subscription.catchUp();
    expect(failures).toBe(-1);
    expect((await compareProjection(store, projection)).equal).toBe(true);
  });

  test('a killed connection in the middle of a batch changes nothing; the next try goes on', async () => {
    const projection = balances();
    let kills = 2;
    const killed = { ...projection, apply: async (...args: Parameters<typeof projection.apply>) => {
      await projection.apply(...args);
      if (args[1].position % 5n === 0n && kills-- > 0) await args[0].query('SELECT pg_terminate_backend(pg_backend_pid())');
    } };
    await write(8);
    const subscription = subscribe(projectionSink(store, killed), { batchSize: 3 });
    await subscription.start();
    await subscription.catchUp();
    expect(await compareProjection(store, projection)).toMatchObject({ equal: true, tables: 2, position: await store.headPosition() });
  });

  test('a former owner that comes back after its lease writes nothing', async () => {
    await write(2);
    const steal = `UPDATE es_subscription SET lease_owner = gen_random_uuid(), leased_until = clock_timestamp() + interval '1 hour'`;
    const projection = balances();
    const former = subscribe({ ...projectionSink(store, projection), deliver: async (events, advance) => {
      await db.appPool.query(steal);
      await projectionSink(store, projection).deliver(events, advance);
    } });
    await expect(former.catchUp()).rejects.toThrow('another owner');
    expect((await db.appPool.query('SELECT * FROM balances.movement')).rows).toEqual([]);
  });

  test('a rebuilt projection equals the live one while writes go on, and a changed row is found', async () => {
    const subscription = subscribe(projectionSink(store, balances()), { batchSize: 7 });
    await subscription.start();
    await write(20);
    await subscription.catchUp();
    let writing = true;
    const writer = (async () => {
      // No faster than the projection: otherwise the test would measure who is faster.
      while (writing) {
        await write(5);
        await subscription.catchUp();
      }
    })();
    for (let n = 0; n < 3; n += 1) {
      const compared = await compareProjection(store, balances());
      expect(compared).toMatchObject({ equal: true, tables: 2, differences: [] });
      expect(compared.position).toBeGreaterThan(0n);
      await rebuildProjection(store, balances());
    }
    writing = false;
    await writer;
    await subscription.catchUp();
    expect(await compareProjection(store, balances())).toMatchObject({ equal: true, position: await store.headPosition() });
    await db.appPool.query(`UPDATE balances.balance SET units = units + 1 WHERE account = 'account-1'`);
    const compared = await compareProjection(store, balances());
    expect(compared.equal).toBe(false);
    expect(compared.differences.map(({ table, side }) => `${table} ${side}`)).toEqual(['balance live', 'balance rebuilt']);
    expect((await db.appPool.query(`SELECT nspname FROM pg_namespace WHERE nspname LIKE 'balances%'`)).rows).toEqual([{ nspname: 'balances' }]);
  });

  test('a raised version is rebuilt at start, an older program waits, changed tables without a version are refused', async () => {
    await write(4);
    await subscribe(projectionSink(store, balances(1))).catchUp();
    const before = await balanceRows();
    await subscribe(projectionSink(store, balances(2, 10n))).catchUp();
    const after = (await balanceRows()) as { units: string }[];
    expect(after.map((row) => Number(row.units))).toEqual((before as { units: string }[]).map((row) => Number(row.units) * 10));
    await expect(subscribe(projectionSink(store, balances(1))).catchUp()).rejects.toThrow('newer than 1');
    const changed = { ...balances(2, 10n), tables: 'CREATE TABLE balance (account text)' };
    await expect(subscribe(projectionSink(store, changed)).catchUp()).rejects.toThrow('changed without a new version');
  });

  test('a rebuild that was killed half way goes on where it was', async () => {
    await write(10);
    await subscribe(projectionSink(store, balances(1))).catchUp();
    const next = balances(2);
    let applied = 0;
    const dying = { ...next, apply: async (...args: Parameters<typeof next.apply>) => {
      applied += 1;
      if (applied === 5) throw new Error('killed');
      await next.apply(...args);
    } };
    await expect(subscribe(projectionSink(store, dying)).catchUp()).rejects.toThrow('killed');
    expect(await balanceRows()).toHaveLength(3);
    await subscribe(projectionSink(store, next)).catchUp();
    expect(await compareProjection(store, next)).toMatchObject({ equal: true });
  });
});

describe('lease', () => {
  const recording = (name: string, into: bigint[]): Sink => reactorSink({ name, handle: async (event) => void into.push(event.position) });

  test('one of two delivers; the other takes over when it stops', async () => {
    const [a, b]: [bigint[], bigint[]] = [[], []];
    const first = subscribe(recording('r', a));
    await first.start();
    await eventually(() => expect(first.status().active).toBe(true));
    const second = subscribe(recording('r', b), { leaseMs: 800 });
    await second.start();
    await write(2);
    await first.catchUp();
    expect([a.length, b.length]).toEqual([4, 0]);
    await first.stop();
    await write(2);
    await second.catchUp();
    expect([a, b]).toEqual([[1n, 2n, 3n, 4n], [5n, 6n, 7n, 8n]]);
  });

  test('of a process that is gone is taken over at once, of a living one only after it has run out', async () => {
    const seen: bigint[] = [];
    await db.appPool.query(`INSERT INTO es_subscription (name, lease_owner, leased_until, lease_pid, lease_pid_started)
      VALUES ('gone', gen_random_uuid(), clock_timestamp() + interval '1 hour', 999999999, clock_timestamp()),
        ('silent', gen_random_uuid(), clock_timestamp() + interval '1 hour', NULL, NULL)`);
    await write(1);
    await subscribe(recording('gone', seen)).catchUp();
    expect(seen).toEqual([1n, 2n]);
    const silent = subscribe(recording('silent', []), { leaseMs: 100 });
    await silent.start();
    await expect(silent.catchUp(300)).rejects.toThrow('did not reach');
    await db.appPool.query(`UPDATE es_subscription SET leased_until = clock_timestamp() WHERE name = 'silent'`);
    await silent.catchUp();
  });

  test('a reactor that fails goes on from the event that failed', async () => {
    const seen: bigint[] = [];
    let failures = 2;
    const subscription = subscribe(reactorSink({ name: 'flaky', handle: async (event) => {
      if (event.position === 3n && failures-- > 0) throw new Error('not yet');
      seen.push(event.position);
    } }));
    await write(3);
    await subscription.start();
    await subscription.catchUp();
    expect(seen).toEqual([1n, 2n, 3n, 4n, 5n, 6n]);
  });

  test('survives the loss of every connection', async () => {
    const seen: bigint[] = [];
    const subscription = subscribe(recording('robust', seen));
    await subscription.start();
    await write(2);
    await subscription.catchUp();
    await db.ownerPool.query(`SELECT 1`);
    await db.appPool.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()`);
    await eventually(() => write(1));
    await subscription.catchUp();
    expect(new Set(seen)).toEqual(new Set(Array.from({ length: Number(await store.headPosition()) }, (_, n) => BigInt(n + 1))));
  });
});
