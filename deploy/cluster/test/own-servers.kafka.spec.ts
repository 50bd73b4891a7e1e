import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dropDatabase } from '@skein/embedded';
import { adminUrl } from '@skein/testing';
import { expect, inject, test } from 'vitest';
import { Cluster } from '../src/index.js';

test('a Kafka and a PostgreSQL of one\'s own take the place of the embedded ones', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'skein cluster own '));
  const databaseUrl = await adminUrl();
  const own = await Cluster.start({ data: folder, services: ['staking-indexer'], roles: 'all', kafkaBrokers: inject('skeinKafkaBrokers'), databaseUrl });
  try {
    expect([own.postgres, own.eventLog.kafka]).toEqual([undefined, undefined]);
    expect(new URL(own.databases['staking-indexer'].appUrl).port).toBe(new URL(databaseUrl).port);
    expect((await fetch(`${own.frontUrl}/staking/health/ready`)).status).toBe(200);
  } finally {
    await own.stop();
    rmSync(folder, { recursive: true, force: true });
    for (const name of ['arena', 'validation', 'fl_aggregator', 'staking_indexer', 'marketplace', 'billing']) await dropDatabase(databaseUrl, name);
  }
});
