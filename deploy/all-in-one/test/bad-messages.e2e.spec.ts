import { join } from 'node:path';
import { CONFIG, EVENT_LOG, POOL, type ServiceName, type Settings } from '@skein/platform';
import { partitionOf, type EventLog } from '@skein/messaging';
import pg from 'pg';
import { badMessages } from './support/bad-messages.js';
import { bootSkein } from './support/skein.js';

badMessages('the all-in-one, on the embedded log', async () => {
  const { skein, folder, stop } = await bootSkein('bad-messages');
  const own = <T>(name: ServiceName, token: symbol): T => skein.service(name).get<T>(token);
  const raw = new pg.Pool({ connectionString: own<Settings>('arena', CONFIG).eventLogUrl, max: 1 });
  raw.on('error', () => undefined);
  return {
    devnetFile: join(folder, 'devnet.json'),
    log: own<EventLog>('arena', EVENT_LOG),
    pools: { arena: own('arena', POOL), 'fl-aggregator': own('fl-aggregator', POOL) },
    sendUnchecked: async ({ topic, key, id, type, timeMs, headers, value }) => {
      const { rows } = await raw.query<{ partitions: number }>('SELECT partitions FROM log_topics WHERE topic = $1', [topic]);
      await raw.query(
        `SELECT log_append(ARRAY[p.id], ARRAY[$2], ARRAY[$3], ARRAY[$4], ARRAY[$5::bigint], ARRAY[$6], ARRAY[$7::bytea], ARRAY[1])
           FROM log_partitions p WHERE p.topic = $1 AND p.partition = $8`,
        [topic, key, id, type, timeMs, JSON.stringify(headers), Buffer.from(value), partitionOf(key, rows[0]!.partitions)],
      );
    },
    close: async () => {
      await raw.end();
      await stop();
    },
  };
});
