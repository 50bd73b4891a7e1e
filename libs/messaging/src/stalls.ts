import type pg from 'pg';

/** A partition that has repeated a retriable failure for longer than the alert. */
export interface ConsumerStall {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly reason: string;
  readonly seconds: number;
}

/** Told again with every try, so at least every longest back-off; what was not told of for so long is over. */
const FRESH_S = 60;

async function write(pool: pg.Pool, { group, topic, partition, reason, seconds }: ConsumerStall): Promise<void> {
  await pool.query(
    `INSERT INTO consumer_stalls (group_name, topic, partition, reason, since) VALUES ($1, $2, $3, $4, clock_timestamp() - $5 * interval '1 second')
     ON CONFLICT (group_name, topic, partition) DO UPDATE SET reason = excluded.reason, since = excluded.since, seen_at = clock_timestamp()`,
    [group, topic, partition, reason, seconds],
  );
}

/** Tells operators of a group's stalls. Nothing waits for it and nothing fails by it: the database may be the very thing that is away. */
export class StallNotes {
  readonly #pool: pg.Pool;
  readonly #group: string;
  readonly #failed: (error: unknown) => void;
  readonly #underWay = new Map<string, Promise<void>>();
  constructor(pool: pg.Pool, group: string, failed: (error: unknown) => void) {
    this.#pool = pool;
    this.#group = group;
    this.#failed = failed;
  }

  /** The partition still cannot go on, since `seconds`. One at a time for each: with the database away they would pile up. */
  tell(stall: Omit<ConsumerStall, 'group'>): void {
    const name = `${stall.topic}/${stall.partition}`;
    if (this.#underWay.has(name)) return;
    this.#underWay.set(name, write(this.#pool, { ...stall, group: this.#group }).catch(this.#failed).finally(() => this.#underWay.delete(name)));
  }

  /** The partition has gone on. Behind what is being told: it would be told of again. */
  async end(topic: string, partition: number): Promise<void> {
    await this.#underWay.get(`${topic}/${partition}`);
    const done = this.#pool.query('DELETE FROM consumer_stalls WHERE group_name = $1 AND topic = $2 AND partition = $3', [this.#group, topic, partition]);
    await done.catch(this.#failed);
  }
}

/** What stalls now, in any process. */
export async function listStalls(pool: pg.Pool): Promise<ConsumerStall[]> {
  const { rows } = await pool.query<ConsumerStall>(
    `SELECT group_name AS "group", topic, partition, reason, floor(extract(epoch FROM clock_timestamp() - since))::float8 AS seconds
       FROM consumer_stalls WHERE seen_at > clock_timestamp() - $1 * interval '1 second' ORDER BY since`,
    [FRESH_S],
  );
  return rows;
}
