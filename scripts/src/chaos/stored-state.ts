import { setTimeout as wait } from 'node:timers/promises';
import type { Cluster } from '@skein/cluster';
import { eventLogFromUrl, type EventLog } from '@skein/messaging';
import pg from 'pg';
import type { Facts } from './final-state.js';

const SETTLED_MS_MAX = 45_000;
const EVERY_MS = 100;

/*
 * Events that come as often as something had to be tried: looks at the chain, comparisons with its contracts, attempts at a
 * call, and the credit held for them and given back. What became of them is among the facts, and the balances too.
 */
export const ATTEMPTS = [
  'skein.staking.cursor.moved.v1', 'skein.staking.finality.reached.v1', 'skein.staking.reconciliation.passed.v1', 'skein.marketplace.call.started.v1', 'skein.marketplace.call.voided.v1',
  'skein.billing.ledger.credit-reserved.v1', 'skein.billing.ledger.credit-released.v1', 'skein.billing.ledger.transfers-applied.v1', 'skein.billing.ledger.transfers-refused.v1',
];
/** How many of them an event has depends on how far each look at the chain came; how many facts there are does not. */
const FACTS = ['skein.staking.fact.observed.v1', 'skein.staking.fact.finalised.v1', 'skein.staking.facts.finalised.v1'];
const FINAL = `SELECT 'final facts ' || sum(CASE type WHEN '${FACTS[1]}' THEN 1 ELSE json_array_length(data->'facts') END) AS line FROM es_history WHERE type IN ('${FACTS[1]}', '${FACTS[2]}') HAVING count(*) > 0`;
/** Consumers that hear of each attempt at a call. */
const OF_ATTEMPTS = ['billing.usage'];

/** Each of these must find nothing, sooner or later. Rows of `es__…` are leases of work that reads no events. */
const UNSETTLED: readonly (readonly [what: string, sql: string])[] = [
  ['events without a position', 'SELECT seq FROM es_unsequenced'],
  ['open or failed jobs', `SELECT id, kind, state, attempts, error FROM es_job WHERE state <> 'done'`],
  ['overdue timers', 'SELECT id, kind, attempts FROM es_timer WHERE to_timestamp(due_at_ms / 1000.0) < clock_timestamp()'],
  ['rows that housekeeping owes', `SELECT scope, key FROM es_idempotency WHERE expires_at < clock_timestamp() UNION ALL SELECT kind, id FROM es_job WHERE state = 'done' AND finished_at < clock_timestamp() - interval '14 days' UNION ALL SELECT group_name, message_id FROM message_contents WHERE met_at < clock_timestamp() - interval '30 days'`],
  ['subscriptions behind', `SELECT name, position FROM es_subscription WHERE name NOT LIKE 'es\\_\\_%' AND position < es_head()`],
];

/** Each of these must find nothing at the end. */
const BROKEN: readonly (readonly [what: string, sql: string])[] = [
  ['gaps in streams', 'SELECT stream_id, count(*), min(version), max(version) FROM es_history GROUP BY stream_id HAVING min(version) <> 1 OR max(version) <> count(*)'],
  ['gaps in positions', 'SELECT count(*), count(DISTINCT position), min(position), max(position), es_head() FROM es_history HAVING count(*) > 0 AND (min(position) <> 1 OR max(position) <> count(*) OR count(DISTINCT position) <> count(*) OR es_head() <> count(*))'],
  ['positions out of a stream’s order', 'SELECT * FROM (SELECT stream_id, version, position, lag(position) OVER (PARTITION BY stream_id ORDER BY version) AS before FROM es_history) o WHERE before >= position'],
  ['events that two positions or none have', 'SELECT e.seq FROM es_event e LEFT JOIN es_position p ON e.seq >= p.seq AND e.seq < p.seq + p.events GROUP BY e.seq HAVING count(p.position) <> 1'],
  ['events in the log and in its archive', 'SELECT seq FROM es_history GROUP BY seq HAVING count(*) > 1'],
  ['dead letters', 'SELECT group_name, topic, key, reason FROM dead_letters WHERE closed_at IS NULL'],
  ['halted consumers', 'SELECT group_name, topic, key, reason FROM consumer_halts WHERE cleared_at IS NULL'],
];

/** The same, where a service keeps artifacts. */
const UNOWNED = ['bytes that nobody owns', 'SELECT sha256 FROM artifact_unowned'] as const;

const LOG_BEHIND = `SELECT l.group_name, p.topic, p.partition, l.committed, p.next_offset FROM log_leases l JOIN log_partitions p ON p.id = l.partition_id WHERE l.committed < p.next_offset`;
const LOG_BROKEN: readonly (readonly [what: string, sql: string])[] = [
  ['gaps in offsets', 'SELECT p.topic, p.partition, p.next_offset, count(m.message_offset) FROM log_partitions p LEFT JOIN log_messages m ON m.partition_id = p.id GROUP BY p.id HAVING count(m.message_offset) <> p.next_offset'],
  ['messages out of their key’s order', `SELECT * FROM (SELECT m.key, min(m.message_offset) AS first, (m.headers->>'ce_streamversion')::int AS version, lag((m.headers->>'ce_streamversion')::int) OVER (PARTITION BY m.partition_id, m.key ORDER BY min(m.message_offset)) AS before FROM log_messages m GROUP BY m.partition_id, m.key, m.id, m.headers->>'ce_streamversion') o WHERE before > version`],
];

export async function queried<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000, query_timeout: 10_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const found = async (client: pg.Client, where: string, checks: readonly (readonly [string, string])[]): Promise<string[]> => {
  const problems: string[] = [];
  for (const [what, sql] of checks) {
    const { rows } = await client.query<object>(sql);
    if (rows.length > 0) problems.push(`${where}: ${what}: ${JSON.stringify(rows.slice(0, 3))}${rows.length > 3 ? ` and ${rows.length - 3} more` : ''}`);
  }
  return problems;
};

async function everywhere(cluster: Cluster, checks: readonly (readonly [string, string])[], logChecks: readonly (readonly [string, string])[]): Promise<string[]> {
  const services = Object.entries(cluster.databases).map(([name, { ownerUrl }]) => queried(ownerUrl, (client) => found(client, name, checks)));
  const embedded = cluster.eventLog.url.startsWith('postgres') ? [queried(cluster.eventLog.url, (client) => found(client, 'event log', logChecks))] : [];
  return (await Promise.all([...services, ...embedded])).flat();
}

/** Kafka is asked for each group's lag; the embedded log's leases tell theirs by themselves. */
async function lagging(log: EventLog | undefined, groups: readonly string[]): Promise<string[]> {
  if (log === undefined) return [];
  const lags = await Promise.all(groups.map(async (group) => (await log.lag(group)).filter(({ lag }) => lag > 0n).map(({ topic, partition, lag }) => `${group} is ${lag} behind in ${topic}/${partition}`)));
  return lags.flat();
}

/** Waits until nothing is left to do anywhere, at most so long; the sentences say what still was at the deadline. */
export async function settle(cluster: Cluster, groups: readonly string[], withinMs = SETTLED_MS_MAX): Promise<readonly string[]> {
  const { url } = cluster.eventLog;
  const log = url.startsWith('kafka') ? eventLogFromUrl({ url, clientId: 'skein-chaos', onError: () => undefined }) : undefined;
  try {
    const left = await settled(cluster, log, groups, performance.now() + withinMs);
    // Who has not come back yet explains what is left to do.
    return left.length === 0 ? [] : [...(await unready(cluster)), ...left];
  } finally {
    await log?.close();
  }
}

async function unready({ processes }: Cluster): Promise<string[]> {
  const answers = await Promise.all(processes.map(async (one) => ({ one, ready: await one.isReady() })));
  return answers.filter(({ ready }) => !ready).map(({ one }) => `${one.name} ${one.alive ? 'is not ready' : 'does not run'} after ${one.starts} starts`);
}

async function settled(cluster: Cluster, log: EventLog | undefined, groups: readonly string[], until: number): Promise<readonly string[]> {
  for (let calm = 0; ; ) {
    const looked = Promise.all([everywhere(cluster, UNSETTLED, [['consumers behind', LOG_BEHIND]]), lagging(log, groups)]);
    const left = await looked.then((parts) => parts.flat(), (error: unknown) => [String(error)]);
    // Twice in a row: between two steps of a chain of services a moment may look settled.
    calm = left.length === 0 ? calm + 1 : 0;
    if (calm === 3) return [];
    if (performance.now() > until) return left;
    await wait(EVERY_MS);
  }
}

/** Gaps, disorder, dead letters and bytes left over; none in a sound state. */
export async function broken(cluster: Cluster): Promise<string[]> {
  const unowned = Object.entries(cluster.databases).map(([name, { ownerUrl }]) => queried(ownerUrl, async (client) => {
    const { rows } = await client.query<{ there: boolean }>(`SELECT to_regclass('artifact_unowned') IS NOT NULL AS there`);
    return rows[0]?.there === true ? found(client, name, [UNOWNED]) : [];
  }));
  return [...(await everywhere(cluster, BROKEN, LOG_BROKEN)), ...(await Promise.all(unowned)).flat()];
}

/** The column `line` of a query's rows. */
export const linesOf = (url: string, sql: string, values: unknown[] = []): Promise<string[]> =>
  queried(url, async (client) => (await client.query<{ line: string }>(sql, values)).rows.map(({ line }) => line));

/** How many events of each type each service has, without those that count attempts; inbox rows and keys by consumer and scope. */
export async function countsOf(cluster: Cluster): Promise<Facts> {
  const of = async (name: string, url: string): Promise<Facts> =>
    queried(url, async (client) => {
      const lines = async (sql: string, values: unknown[] = []): Promise<string[]> => (await client.query<{ line: string }>(sql, values)).rows.map(({ line }) => line);
      return {
        [`${name} events`]: await lines(`SELECT type || ' ' || count(*) AS line FROM es_history WHERE NOT type = ANY ($1) GROUP BY type ORDER BY type`, [[...ATTEMPTS, ...FACTS]]),
        [`${name} facts`]: await lines(FINAL),
        [`${name} inbox`]: await lines(`SELECT consumer || ' ' || count(*) AS line FROM es_inbox WHERE NOT consumer = ANY ($1) GROUP BY consumer ORDER BY consumer`, [OF_ATTEMPTS]),
        [`${name} keys`]: await lines(`SELECT scope || ' ' || count(*) AS line FROM es_idempotency GROUP BY scope ORDER BY scope`),
        [`${name} timers`]: await lines(`SELECT kind || ' ' || count(*) AS line FROM es_timer GROUP BY kind ORDER BY kind`),
      };
    });
  return Object.assign({}, ...(await Promise.all(Object.entries(cluster.databases).map(([name, { ownerUrl }]) => of(name, ownerUrl))))) as Facts;
}

/** Lines of `some` that are not among `others`, as often as they are missing there. */
function surplus(some: readonly string[], others: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const line of others) left.set(line, (left.get(line) ?? 0) + 1);
  return some.filter((line) => {
    const count = left.get(line) ?? 0;
    left.set(line, count - 1);
    return count <= 0;
  });
}

/** What differs between two sets of facts, a line counted as often as it stands there: `-` was expected, `+` was found. */
export function differences(expected: Facts, actual: Facts): string[] {
  const kinds = [...new Set([...Object.keys(expected), ...Object.keys(actual)])];
  return kinds.flatMap((kind) => {
    const [wanted, got] = [expected[kind] ?? [], actual[kind] ?? []];
    return [...surplus(wanted, got).map((line) => `${kind}: - ${line}`), ...surplus(got, wanted).map((line) => `${kind}: + ${line}`)];
  });
}
