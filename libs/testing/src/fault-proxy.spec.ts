import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { freshDatabase, type TestDatabase } from './database.js';
import { eventually } from './eventually.js';
import { startFaultProxy, type FaultProxy } from './fault-proxy.js';

let proxy: FaultProxy;

const closing = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

afterEach(() => proxy.stop());

describe('between two sockets', () => {
  let server: Server;
  let served: Socket[] = [];

  beforeEach(async () => {
    served = [];
    server = createServer((socket) => {
      served.push(socket);
      socket.on('error', () => undefined).pipe(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    proxy = await startFaultProxy({ target: `127.0.0.1:${(server.address() as AddressInfo).port}` });
  });

  afterEach(() => {
    for (const socket of served) socket.destroy();
    server.close();
  });

  /** A client that collects what comes back. */
  async function client(): Promise<{ socket: Socket; text: () => string }> {
    const socket = connect(proxy.port, '127.0.0.1');
    let text = '';
    socket.on('error', () => undefined).on('data', (chunk) => (text += chunk.toString()));
    await once(socket, 'connect');
    return { socket, text: () => text };
  }

  const says = (made: { text: () => string }, expected: string): Promise<void> => eventually(() => expect(made.text()).toBe(expected));

  test('whole, it hands everything on, in both directions and to the end', async () => {
    const made = await client();
    const big = 'x'.repeat(3_000_000);
    made.socket.end(big);
    await closing(made.socket);
    expect(made.text() === big).toBe(true);
    await eventually(() => expect(proxy.connections()).toBe(0));
  });

  test('delay holds every byte back for the time said, and keeps the order', async () => {
    const made = await client();
    made.socket.write('a');
    await says(made, 'a');
    proxy.delay(40);
    const started = performance.now();
    made.socket.write('b');
    made.socket.write('c');
    await says(made, 'abc');
    expect(performance.now() - started).toBeGreaterThan(75);
    // b and c to the server and back again.
    expect(proxy.struck()).toEqual({ bytes: 4, links: 0 });
    proxy.heal();
    made.socket.write('d');
    await says(made, 'abcd');
    expect(proxy.struck().bytes).toBe(4);
    made.socket.destroy();
  });

  test('drop lets nothing through, for old connections and new ones; healed, everything arrives', async () => {
    const old = await client();
    old.socket.write('a');
    await says(old, 'a');
    proxy.drop();
    old.socket.write('b');
    const young = await client();
    young.socket.write('c');
    await eventually(() => expect(proxy.connections()).toBe(2));
    expect([old.text(), young.text(), served.length]).toEqual(['a', '', 1]);
    await eventually(() => expect(proxy.struck()).toEqual({ bytes: 1, links: 1 }));
    proxy.heal();
    await says(old, 'ab');
    await says(young, 'c');
    old.socket.destroy();
    young.socket.destroy();
  });

  test('half open, the near end is never told; only connections made after the healing work', async () => {
    const old = await client();
    old.socket.write('a');
    await says(old, 'a');
    proxy.halfOpen();
    await eventually(() => expect(served[0]?.destroyed).toBe(true));
    old.socket.write('b');
    const young = await client();
    young.socket.write('c');
    proxy.heal();
    const later = await client();
    later.socket.write('d');
    await says(later, 'd');
    await eventually(() => expect(proxy.struck()).toEqual({ bytes: 2, links: 1 }));
    expect([old.text(), young.text(), old.socket.destroyed, young.socket.destroyed]).toEqual(['a', '', false, false]);
    for (const { socket } of [old, young, later]) socket.destroy();
    await eventually(() => expect(proxy.connections()).toBe(0));
  });

  test('reset ends what is there with ECONNRESET, and what comes next passes', async () => {
    const made = await client();
    made.socket.write('a');
    await says(made, 'a');
    const closed = closing(made.socket);
    proxy.reset();
    await closed;
    expect(made.socket.errored).toMatchObject({ code: 'ECONNRESET' });
    expect(proxy.struck()).toEqual({ bytes: 0, links: 1 });
    const next = await client();
    next.socket.write('b');
    await says(next, 'b');
    next.socket.destroy();
  });

  test('a break that nobody meets has struck nothing, also with connections open', async () => {
    const made = await client();
    made.socket.write('a');
    await says(made, 'a');
    proxy.drop();
    proxy.heal();
    proxy.halfOpen();
    proxy.heal();
    expect([proxy.connections(), proxy.struck()]).toEqual([1, { bytes: 0, links: 0 }]);
    made.socket.destroy();
  });

  test('what is held is bounded: the sender of more is slowed down, and healed all of it arrives', async () => {
    const made = await client();
    made.socket.write('a');
    await says(made, 'a');
    proxy.drop();
    const big = 'x'.repeat(8_000_000);
    made.socket.end(big);
    await eventually(() => expect(proxy.struck().bytes).toBeGreaterThan(256 * 1024));
    expect(proxy.struck().bytes).toBeLessThan(4_000_000);
    proxy.heal();
    await closing(made.socket);
    expect(made.text() === `a${big}`).toBe(true);
  });

  test('a target that refuses is a reset', async () => {
    await new Promise<void>((resolve) => server.close(() => resolve()));
    const socket = connect(proxy.port, '127.0.0.1');
    socket.on('error', () => undefined);
    await closing(socket);
    expect(socket.errored).toMatchObject({ code: 'ECONNRESET' });
  });
});

describe('before PostgreSQL', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await freshDatabase();
  });

  afterAll(() => database.drop());

  test('queries pass, are held, fail and pass again', async () => {
    const url = new URL(database.appUrl);
    proxy = await startFaultProxy({ target: `${url.hostname}:${url.port}` });
    url.port = String(proxy.port);
    const pool = new pg.Pool({ connectionString: url.href, max: 2, query_timeout: 3_000, connectionTimeoutMillis: 3_000 });
    pool.on('error', () => undefined);
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    proxy.drop();
    const held = pool.query('SELECT 2 AS two');
    let settled = false;
    void held.finally(() => (settled = true));
    await eventually(() => expect(proxy.connections()).toBe(1));
    expect(settled).toBe(false);
    proxy.heal();
    expect((await held).rows).toEqual([{ two: 2 }]);
    const sleeping = pool.query('SELECT pg_sleep(30)');
    const lost = expect(sleeping).rejects.toThrow(/terminated|ECONNRESET/);
    await eventually(async () => expect((await pool.query("SELECT count(*)::int AS n FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30)'")).rows).toEqual([{ n: 1 }]));
    proxy.reset();
    await lost;
    proxy.halfOpen();
    await expect(pool.query('SELECT 3')).rejects.toThrow(/timeout/i);
    proxy.heal();
    await eventually(async () => expect((await pool.query('SELECT 4 AS four')).rows).toEqual([{ four: 4 }]));
    await pool.end();
  });
});
