import pg from 'pg';
import { EventStore, Housekeeper } from '../src/index.js';
import { CLOSED } from './archived.js';

// One pass of housekeeping that kills itself at the n-th time that it comes to a step.
const [url, step = '', at = '0'] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: url, max: 3 });
const store = new EventStore({ pool });
let count = 0;
Reflect.set(globalThis, Symbol.for('skein.failpoint'), (reached: string) => {
  if (reached === step && (count += 1) === Number(at)) process.kill(process.pid, 'SIGKILL');
});
const keeper = new Housekeeper({ store, archive: { closedBy: [CLOSED], afterDays: 30 } });
// The lease of the one that was killed ends when the server has noticed that its connection is gone.
while ((await keeper.runOnce()) === undefined);
await store.close();
await pool.end();
process.stdout.write('complete\n');
