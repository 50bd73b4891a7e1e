import { EventStore } from '@skein/events';
import pg from 'pg';
import { EmbeddedEventLog } from '../../src/embedded/embedded-event-log.js';
import type { EventLog } from '../../src/event-log.js';
import { Relay } from '../../src/relay.js';
import { notePublication } from './source.js';

/** A relay that kills itself (no handler runs) between its n-th send and the advance after it: `<storeUrl> <logUrl> <n>`. */
const [storeUrl, logUrl, killAt] = process.argv.slice(2) as [string, string, string];
const log = new EmbeddedEventLog({ url: logUrl });
let sends = 0;

const murderous: EventLog = {
  send: async (messages) => {
    await log.send(messages);
    sends += 1;
    if (sends === Number(killAt)) process.kill(process.pid, 'SIGKILL');
  },
  consume: (options) => log.consume(options),
  lag: (group) => log.lag(group),
  createTopics: (specs) => log.createTopics(specs),
  close: () => log.close(),
};

const store = new EventStore({ pool: new pg.Pool({ connectionString: storeUrl, max: 4 }) });
await new Relay({ store, log: murderous, publications: [notePublication], batchSize: 7, leaseMs: 600, pollMs: 100 }).start();
