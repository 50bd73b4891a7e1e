import { linesOf } from './stored-state.js';
import type { Cluster } from '@skein/cluster';

/** More than housekeeping removes at once. */
const AT_ONCE = 1_200;
/** Expire while something is played, so many each second. */
const LATER = 300;
const EACH_SECOND = 50;

/*
 * Rows that nobody can ask for any more: keys, jobs that were done and contents of messages as a service of some months has them.
 * A scenario of seconds has none by itself.
 */
const KEYS = `INSERT INTO es_idempotency (scope, key, request_hash, stream_id, version, recorded_at_ms, expires_at)
  SELECT 'of months ago', n::text, '', 'none', 1, 0, clock_timestamp() + greatest(0, (n - $1::integer) / $2::integer) * interval '1 second' FROM generate_series(1, $1::integer + $3::integer) AS n`;
const JOBS = `INSERT INTO es_job (id, kind, payload, state, finished_at) SELECT 'of months ago ' || n, 'of months ago', '{}', 'done', clock_timestamp() - interval '60 days' FROM generate_series(1, 20) AS n`;
const CONTENTS = `INSERT INTO message_contents (group_name, message_id, content, met_at) SELECT 'of months ago', n::text, '', clock_timestamp() - interval '60 days' FROM generate_series(1, 20) AS n`;

/** Gives every service old rows, some of them now and some each second from now on. */
export async function age(databases: Cluster['databases']): Promise<void> {
  await Promise.all(Object.values(databases).map(async ({ ownerUrl }) => {
    await linesOf(ownerUrl, KEYS, [AT_ONCE, EACH_SECOND, LATER]);
    await linesOf(ownerUrl, JOBS);
    await linesOf(ownerUrl, CONTENTS);
  }));
}
