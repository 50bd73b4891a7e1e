import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startKafka } from '@skein/embedded';
import type { EventLog } from '../../src/event-log.js';
import type { RestartHarness } from '../broker-restart.contract.js';

/** A broker of the test's own, to be killed. */
export async function kafkaToRestart(open: (brokers: string[]) => EventLog): Promise<RestartHarness> {
  const dataDir = await mkdtemp(join(tmpdir(), 'skein restarted kafka '));
  const broker = await startKafka({ dataDir });
  return {
    open: () => open([broker.brokers]),
    restart: async () => {
      await broker.kill();
      await broker.restart();
    },
    restartInOrder: () => broker.restart(),
    freeze: () => {
      broker.pause();
      return () => broker.resume();
    },
    drop: async () => {
      await broker.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
