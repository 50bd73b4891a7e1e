import pg from 'pg';
import { EventStore } from '../src/index.js';
import { follow, outOfOrder, write, WRITERS } from './torture.js';

// Half of the writers, or a reader, in a process of its own.
const [url, what] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: url, max: 8 });
const store = new EventStore({ pool });
if (what === 'read') {
  const done = async (): Promise<boolean> => (await pool.query(`SELECT FROM es_inbox WHERE consumer = 'torture' AND message_id = 'done'`)).rowCount === 1;
  process.stdout.write('reading\n');
  const seen = await follow(store, done);
  const gaps = seen.filter(({ position }, at) => position !== BigInt(at + 1)).length;
  process.stdout.write(`${JSON.stringify({ seen: seen.length, gaps, outOfOrder: outOfOrder(seen) })}\n`);
} else {
  const writers = Array.from({ length: WRITERS / 2 }, (_, writer) => writer * 2 + Number(what));
  const written = await Promise.all(writers.map((writer) => write(writer, store)));
  process.stdout.write(`${JSON.stringify({ written: written.reduce((sum, count) => sum + count, 0) })}\n`);
}
await store.close();
await pool.end();
