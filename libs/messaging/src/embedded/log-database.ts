import type pg from 'pg';
import type { Lag, MemberState, ReceivedMessage, TopicSpec } from '../event-log.js';
import { PROCESS_NAME } from '../process-name.js';

/** A partition's row: its id in this database and its place in a topic. */
export interface PartitionRow {
  readonly id: number;
  readonly topic: string;
  readonly partition: number;
}

/** A message ready to be stored. */
export interface StoredMessage {
  readonly partitionId: number;
  readonly key: string;
  readonly id: string;
  readonly type: string;
  readonly timeMs: number;
  readonly headers: string;
  readonly value: Uint8Array;
  readonly sizeBytes: number;
}

export interface MemberRow {
  readonly member: string;
  readonly group: string;
  readonly topics: readonly string[];
}

export interface LeaseRow extends PartitionRow {
  readonly group: string;
  readonly member: string | null;
  readonly epoch: bigint;
  readonly committed: bigint;
}

/** A partition just won: continue at `committed`; `head` is what there is. */
export interface Claim extends PartitionRow {
  readonly epoch: bigint;
  readonly committed: bigint;
  readonly head: bigint;
}

/** A connection as the server knows it. */
export interface Session {
  readonly pid: number;
  readonly startedAt: string;
}

type Heads = Map<number, bigint>;

// Offsets have no gaps, so the page is a range of them: whatever the planner believes of a table that nobody has analysed yet, it
// reads these rows. A LIMIT it took for a sort of the whole rest, and a join with the page's sizes for a product of both (140 ms).
/** A page of a partition: its id, the first offset, messages at most, bytes at most unless the first alone is bigger. */
export const FETCH = `
  SELECT message_offset, key, id, type, time_ms, headers, value
    FROM (SELECT *, sum(size_bytes) OVER (ORDER BY message_offset) AS total
            FROM log_messages WHERE partition_id = $1 AND message_offset >= $2 AND message_offset < $2::bigint + $3::int) AS page
   WHERE total <= $4 OR message_offset = $2 ORDER BY message_offset`;

/** The SQL of the embedded log. int8 columns come as text and are turned into bigint here. */
export class LogDatabase {
  readonly #pool: pg.Pool;
  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async createTopic(spec: TopicSpec): Promise<number> {
    const { rows } = await this.#pool.query<{ partitions: number }>(
      `WITH made AS (INSERT INTO log_topics (topic, partitions, retention) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING topic, partitions),
            kept AS (UPDATE log_topics SET retention = $3 WHERE topic = $1 AND partitions = $2 AND retention <> $3),
            parts AS (INSERT INTO log_partitions (topic, partition) SELECT topic, generate_series(0, partitions - 1) FROM made)
       SELECT partitions FROM made UNION ALL SELECT partitions FROM log_topics WHERE topic = $1`,
      [spec.topic, spec.partitions, spec.retention],
    );
    return rows[0]?.partitions ?? spec.partitions;
  }

  async topics(): Promise<TopicSpec[]> {
    const { rows } = await this.#pool.query<TopicSpec>('SELECT topic, partitions, retention FROM log_topics ORDER BY topic');
    return rows;
  }

  async partitions(): Promise<PartitionRow[]> {
    const { rows } = await this.#pool.query<PartitionRow>('SELECT id, topic, partition FROM log_partitions ORDER BY topic, partition');
    return rows;
  }

  async append(messages: readonly StoredMessage[]): Promise<Heads> {
    const column = <T>(pick: (message: StoredMessage) => T): T[] => messages.map(pick);
    const { rows } = await this.#pool.query<{ partition_id: number; head: string }>('SELECT * FROM log_append($1, $2, $3, $4, $5, $6, $7, $8)', [
      column((m) => m.partitionId),
      column((m) => m.key),
      column((m) => m.id),
      column((m) => m.type),
      column((m) => m.timeMs),
      column((m) => m.headers),
      column((m) => Buffer.from(m.value.buffer, m.value.byteOffset, m.value.byteLength)),
      column((m) => m.sizeBytes),
    ]);
    return new Map(rows.map((row) => [row.partition_id, BigInt(row.head)]));
  }

  /** Messages from an offset on: at most `limit`, and no more than `bytesMax` unless the first alone is bigger. */
  async fetch(partition: PartitionRow, from: bigint, limit: number, bytesMax: number): Promise<ReceivedMessage[]> {
    const { rows } = await this.#pool.query<{ message_offset: string; key: string; id: string; type: string; time_ms: string; headers: Record<string, string>; value: Buffer }>({
      name: 'log-fetch',
      text: FETCH,
      values: [partition.id, from, limit, bytesMax],
    });
    return rows.map((row) => ({
      topic: partition.topic,
      partition: partition.partition,
      offset: BigInt(row.message_offset),
      key: row.key,
      id: row.id,
      type: row.type,
      timeMs: Number(row.time_ms),
      value: new Uint8Array(row.value.buffer, row.value.byteOffset, row.value.byteLength),
      headers: row.headers,
    }));
  }

  async heads(partitionIds: readonly number[]): Promise<Heads> {
    const { rows } = await this.#pool.query<{ id: number; next_offset: string }>({
      name: 'log-heads',
      text: 'SELECT id, next_offset FROM log_partitions WHERE id = ANY ($1)',
      values: [partitionIds],
    });
    return new Map(rows.map((row) => [row.id, BigInt(row.next_offset)]));
  }

  /** Keeps members alive (joining them on their first beat) and buries those whose time is over. */
  async heartbeat(members: readonly MemberRow[], leaseMs: number, session: Session | undefined): Promise<void> {
    const values = [JSON.stringify(members.map((member) => ({ ...member, process: PROCESS_NAME }))), leaseMs, session?.pid ?? null, session?.startedAt ?? null];
    await this.#pool.query({ name: 'log-heartbeat', text: 'SELECT log_heartbeat($1, $2, $3, $4)', values });
  }

  async leave(member: string): Promise<void> {
    await this.#pool.query('DELETE FROM log_members WHERE member = $1', [member]);
    await this.#pool.query('UPDATE log_leases SET member = NULL, epoch = epoch + 1 WHERE member = $1', [member]);
  }

  /** Makes the lease rows of a group; a new one begins at offset 0. */
  async ensureLeases(group: string, topics: readonly string[]): Promise<void> {
    await this.#pool.query(
      `INSERT INTO log_leases (group_name, partition_id) SELECT $1, id FROM log_partitions WHERE topic = ANY ($2) ON CONFLICT DO NOTHING`,
      [group, topics],
    );
  }

  /** Live members of the groups, in the order in which they joined. */
  async roster(groups: readonly string[]): Promise<MemberRow[]> {
    const { rows } = await this.#pool.query<MemberRow>({
      name: 'log-roster',
      text: `SELECT member, group_name AS "group", topics FROM log_members
              WHERE group_name = ANY ($1) AND expires_at >= clock_timestamp() ORDER BY joined`,
      values: [groups],
    });
    return rows;
  }

  /** Live members of a group with what they hold; a process that is gone has none, whatever its lease says. */
  async members(group: string): Promise<MemberState[]> {
    const { rows } = await this.#pool.query<{ member: string; process: string; age_ms: string; assignment: MemberState['assignment'] }>(
      `SELECT m.member, m.process, floor(extract(epoch FROM clock_timestamp() - m.joined_at) * 1000)::bigint AS age_ms,
              coalesce(json_agg(json_build_object('topic', p.topic, 'partition', p.partition) ORDER BY p.topic, p.partition) FILTER (WHERE p.id IS NOT NULL), '[]') AS assignment
         FROM log_members m
         LEFT JOIN log_leases l ON l.group_name = m.group_name AND l.member = m.member
         LEFT JOIN log_partitions p ON p.id = l.partition_id
        WHERE m.group_name = $1 AND m.expires_at >= clock_timestamp() AND log_session_alive(m.session_pid, m.session_started)
        GROUP BY m.member ORDER BY m.joined`,
      [group],
    );
    return rows.map(({ member, process, age_ms: ageMs, assignment }) => ({ member, process, assignment, ageMs: Number(ageMs) }));
  }

  async leases(groups: readonly string[]): Promise<LeaseRow[]> {
    const { rows } = await this.#pool.query<Omit<LeaseRow, 'epoch' | 'committed'> & { epoch: string; committed: string }>({
      name: 'log-leases',
      text: `SELECT l.group_name AS "group", p.id, p.topic, p.partition, l.member, l.epoch, l.committed
               FROM log_leases l JOIN log_partitions p ON p.id = l.partition_id WHERE l.group_name = ANY ($1) ORDER BY p.topic, p.partition`,
      values: [groups],
    });
    return rows.map((row) => ({ ...row, epoch: BigInt(row.epoch), committed: BigInt(row.committed) }));
  }

  /** Takes those of the partitions that nobody alive holds. */
  async claim(member: string, group: string, partitionIds: readonly number[]): Promise<Claim[]> {
    const { rows } = await this.#pool.query<PartitionRow & { epoch: string; committed: string; head: string }>(
      `UPDATE log_leases l SET member = $1, epoch = l.epoch + 1 FROM log_partitions p
        WHERE l.group_name = $2 AND l.partition_id = ANY ($3) AND p.id = l.partition_id
          AND (l.member IS NULL OR l.member = $1
               OR NOT EXISTS (SELECT 1 FROM log_members m WHERE m.member = l.member AND m.expires_at >= clock_timestamp()))
        RETURNING p.id, p.topic, p.partition, l.epoch, l.committed, p.next_offset AS head`,
      [member, group, partitionIds],
    );
    return rows.map(({ id, topic, partition, ...row }) => ({
      id, topic, partition, epoch: BigInt(row.epoch), committed: BigInt(row.committed), head: BigInt(row.head),
    }));
  }

  async release(group: string, partitionId: number, epoch: bigint): Promise<void> {
    await this.#pool.query('UPDATE log_leases SET member = NULL, epoch = epoch + 1 WHERE group_name = $1 AND partition_id = $2 AND epoch = $3', [
      group, partitionId, epoch,
    ]);
  }

  /** False when the lease has changed hands since `epoch`: the caller is a zombie and nothing was written. */
  async commit(group: string, partitionId: number, epoch: bigint, committed: bigint): Promise<boolean> {
    const { rows } = await this.#pool.query<{ held: boolean }>({
      name: 'log-commit',
      text: 'SELECT log_commit($1, $2, $3, $4) AS held',
      values: [group, partitionId, epoch, committed],
    });
    return rows[0]!.held;
  }

  async lag(group: string): Promise<Lag[]> {
    const { rows } = await this.#pool.query<{ topic: string; partition: number; committed: string; head: string }>(
      `SELECT p.topic, p.partition, l.committed, p.next_offset AS head FROM log_leases l JOIN log_partitions p ON p.id = l.partition_id
        WHERE l.group_name = $1 ORDER BY p.topic, p.partition`,
      [group],
    );
    return rows.map((row) => {
      const [committed, head] = [BigInt(row.committed), BigInt(row.head)];
      return { topic: row.topic, partition: row.partition, committed, head, lag: head - committed };
    });
  }

  async notify(channel: string, payload: string): Promise<void> {
    await this.#pool.query({ name: 'log-notify', text: 'SELECT pg_notify($1, $2)', values: [channel, payload] });
  }
}
