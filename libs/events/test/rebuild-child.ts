import pg from 'pg';
import { EventStore, rebuildProjection, type RebuildStep } from '../src/index.js';
import { balances } from './balances.js';

// Rebuilds and kills itself at the n-th time that it comes to a step.
const [url, version = '1', step = '', at = '0'] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: url, max: 3 });
let count = 0;
const onStep = (reached: RebuildStep): void => {
  if (reached === step && (count += 1) === Number(at)) process.kill(process.pid, 'SIGKILL');
};
const store = new EventStore({ pool });
await rebuildProjection(store, balances(Number(version)), { resume: true, onStep });
await store.close();
await pool.end();
process.stdout.write('complete\n');
