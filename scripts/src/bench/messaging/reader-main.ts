import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { inboxOnce } from '@skein/events';
import { eventLogFromUrl, onMessage, startConsumer } from '@skein/messaging';
import { poolOf } from '../event-store/server.js';
import { readerGroupOf, TYPE, wallMs, type CpuUse } from './hops.js';

/** The other service: keeps a read model from the topic and says when each message came and when it was visible. */
const [logUrl = '', databaseUrl = '', topic = ''] = process.argv.slice(2);
const pool = poolOf(databaseUrl, 4);
const log = eventLogFromUrl({ url: logUrl, clientId: 'skein-bench-reader' });

const consumer = await startConsumer({
  log, pool, group: readerGroupOf(topic), policy: 'stop',
  handlers: [onMessage({
    topic, type: TYPE, schema: StringValueSchema,
    handle: async ({ value }, { inbox }) => {
      const receivedMs = wallMs();
      await inboxOnce(pool, inbox, async (tx) => void (await tx.query('INSERT INTO read_model (id) VALUES ($1)', [value])));
      process.send?.({ id: value, receivedMs, visibleMs: wallMs() });
    },
  })],
});
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMs: (user + system) / 1_000 } satisfies CpuUse);
});
process.once('disconnect', () => {
  void consumer.stop().then(() => log.close()).then(() => pool.end()).finally(() => process.exit());
});
process.send?.({ ready: true });
