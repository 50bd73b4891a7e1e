import { Admin } from '@platformatic/kafka';
import { backoffMs, delay } from '../embedded/delay.js';
import { hasKafkaError } from './kafka-errors.js';
import { kafkaSettings, REQUEST_TIMEOUT_MS } from './kafka-options.js';
import { clientOptions } from './platformatic-options.js';

const RETRIES = 4;
/** Somebody may still be joining: a coordinator that has put everybody out needs a moment to see it. */
const BUSY = new Set(['NON_EMPTY_GROUP', 'REBALANCE_IN_PROGRESS', 'UNKNOWN_MEMBER_ID', 'COORDINATOR_LOAD_IN_PROGRESS']);
const GONE = new Set(['GROUP_ID_NOT_FOUND', 'UNKNOWN_TOPIC_OR_PARTITION']);
const BACKOFF_FIRST_MS = 20;
const BACKOFF_MAX_MS = 500;

/**
 * Takes all topics and groups from a broker, also groups whose members were killed and have not been missed yet: for tests that
 * keep one broker. Nobody may be using it.
 */
export async function clearKafka(brokers: readonly string[]): Promise<void> {
  const admin = new Admin(clientOptions(kafkaSettings({ brokers }), RETRIES));
  const late = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  try {
    const groups = [...(await admin.listGroups()).keys()];
    await Promise.all(groups.map((group) => deleteGroup(admin, group, late)));
    const topics = await topicsOf(admin);
    if (topics.length > 0) await admin.deleteTopics({ topics }).catch(unless(GONE));
    for (let attempt = 1; (await topicsOf(admin)).length > 0; attempt += 1) {
      if (late.aborted) throw new Error(`topics are still there after ${REQUEST_TIMEOUT_MS} ms`);
      await delay(backoffMs(attempt, BACKOFF_FIRST_MS, BACKOFF_MAX_MS), late);
    }
  } finally {
    await admin.close();
  }
}

const topicsOf = async (admin: Admin): Promise<string[]> => (await admin.listTopics()).filter((name) => !name.startsWith('__'));

async function deleteGroup(admin: Admin, groupId: string, late: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await admin.removeMembersFromConsumerGroup({ groupId });
      await admin.deleteGroups({ groups: [groupId] });
      return;
    } catch (error) {
      if (hasKafkaError(error, GONE)) return;
      if (late.aborted || !hasKafkaError(error, BUSY)) throw error;
      await delay(backoffMs(attempt, BACKOFF_FIRST_MS, BACKOFF_MAX_MS), late);
    }
  }
}

const unless = (passing: ReadonlySet<string>) => (error: unknown): void => {
  if (!hasKafkaError(error, passing)) throw error;
};
