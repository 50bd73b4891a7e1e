import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '@skein/embedded';
import { migrate } from '@skein/events';
import pg from 'pg';
import { EmbeddedEventLog } from '../../src/embedded/embedded-event-log.js';
import { eventLogMigrations } from '../../src/migrations.js';
import type { RestartHarness } from '../broker-restart.contract.js';

/** The embedded log on a PostgreSQL of its own, which flushes, to be killed. */
export async function embeddedToRestart(): Promise<RestartHarness> {
  const dataDir = await mkdtemp(join(tmpdir(), 'skein restarted pg '));
  let server = await startPostgres({ dataDir });
  const { port } = server;
  const { ownerUrl, appUrl } = await server.createDatabase('log');
  const owner = new pg.Pool({ connectionString: ownerUrl, max: 1 });
  await migrate(owner, [eventLogMigrations]);
  await owner.end();
  const again = async (): Promise<void> => {
    server = await startPostgres({ dataDir, port });
  };
  return {
    open: () => new EmbeddedEventLog({ url: appUrl, leaseMs: 900, pollMs: 200 }),
    restart: async () => {
      process.kill(server.pid, 'SIGKILL');
      await server.exited;
      await again();
    },
    restartInOrder: async () => {
      await server.stop();
      await again();
    },
    // Backends that are at work go on; nobody new is let in, nothing is flushed for them.
    freeze: () => {
      process.kill(server.pid, 'SIGSTOP');
      return () => void process.kill(server.pid, 'SIGCONT');
    },
    drop: async () => {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
