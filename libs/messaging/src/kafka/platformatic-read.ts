import type { Admin } from '@platformatic/kafka';
import { delay } from '../embedded/delay.js';
import type { Place, ReceivedMessage } from '../event-log.js';
import { REQUEST_TIMEOUT_MS, type KafkaSettings } from './kafka-options.js';
import { PartitionFetcher } from './platformatic-fetcher.js';

const EARLIEST = -2n;
const LATEST = -1n;

/** The message of one place, by a fetch of its own: no group is joined, nothing is committed. */
export async function readPlace(admin: Admin, settings: KafkaSettings, { topic, partition, offset }: Place): Promise<ReceivedMessage | undefined> {
  const at = async (timestamp: bigint): Promise<bigint> => {
    const [listed] = await admin.listOffsets({ topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp }] }] });
    return listed?.partitions[0]?.offset ?? 0n;
  };
  const [first, head] = [await at(EARLIEST), await at(LATEST)];
  if (offset < first || offset >= head) return undefined;
  const fetched = Promise.withResolvers<readonly ReceivedMessage[]>();
  const host = { settings, report: settings.onError, seen: () => undefined, firstOffsets: async () => Array.from({ length: partition + 1 }, () => first) };
  const fetcher = new PartitionFetcher(host, 'skein-read', [topic]);
  const late = new AbortController();
  try {
    fetcher.add(topic, partition, offset, fetched.resolve);
    const messages = await Promise.race([fetched.promise, delay(REQUEST_TIMEOUT_MS, late.signal)]);
    if (messages === undefined) throw new Error(`no answer for ${topic}/${partition}@${offset} within ${REQUEST_TIMEOUT_MS} ms`);
    // What was compacted away is followed by another one.
    return messages.find((message) => message.offset === offset);
  } finally {
    late.abort();
    await fetcher.close();
  }
}
