import { freshDatabase } from '@skein/testing';
import { EmbeddedEventLog } from '../src/embedded/embedded-event-log.js';
import { eventLogMigrations } from '../src/migrations.js';
import { consumerContract } from './consumer.contract.js';
import { eventLogContract, type AdapterHarness } from './event-log.contract.js';
import { repairContract } from './repair.contract.js';
import { TestChild } from './support/child.js';
import { writeEmbedded } from './support/unchecked.js';

const LEASE_MS = 900;

async function embedded(): Promise<AdapterHarness> {
  const database = await freshDatabase(eventLogMigrations);
  return {
    open: () => new EmbeddedEventLog({ url: database.appUrl, leaseMs: LEASE_MS, pollMs: 200 }),
    spawnMember: (group, topic, hangAt) => new TestChild(new URL('./support/member-process.ts', import.meta.url), [database.appUrl, String(LEASE_MS), group, topic, String(hangAt)]),
    sendUnchecked: (messages) => writeEmbedded(database.appUrl, messages),
    drop: () => database.drop(),
  };
}

eventLogContract('embedded, on PostgreSQL', embedded);
consumerContract('embedded, on PostgreSQL', embedded);
repairContract('embedded, on PostgreSQL', embedded);
