import type pg from 'pg';

/** How many messages are parked, by group, topic and partition. */
export async function countParked(pool: pg.Pool): Promise<{ group: string; topic: string; partition: number; parked: number }[]> {
  const { rows } = await pool.query<{ group: string; topic: string; partition: number; parked: string }>(
    'SELECT group_name AS "group", topic, partition, count(*) AS parked FROM dead_letters WHERE closed_at IS NULL GROUP BY group_name, topic, partition',
  );
  return rows.map((row) => ({ ...row, parked: Number(row.parked) }));
}
