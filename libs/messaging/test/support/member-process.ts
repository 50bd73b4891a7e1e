import type { PartitionBatch } from '../../src/event-log.js';
import { openLog } from './open-log.js';

/** A group member in a process of its own, to be killed: `<url> <leaseMs> <group> <topic> <hangAt>`. Hangs in its n-th message. */
const [url, leaseMs, group, topic, hangAt] = process.argv.slice(2) as [string, string, string, string, string];
const log = openLog(url, Number(leaseMs));
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
let handled = 0;

async function onBatch(batch: PartitionBatch): Promise<void> {
  for (const message of batch.messages) {
    handled += 1;
    say({ id: message.id, offset: message.offset.toString() });
    if (handled === Number(hangAt)) await new Promise<void>((resolve) => process.once('SIGUSR2', () => resolve()));
    batch.resolve(message);
  }
}

await log.consume({ group, topics: [topic], onBatch, batchMax: 5 });
say({ ready: true });
