import type { Projection, RecordedEvent, Tx } from '@skein/events';
import type { GrantsEvent } from '../domain/grants/grants.events.js';

const tables = `CREATE TABLE granted (
  decision bigint NOT NULL,
  place integer NOT NULL,
  account text NOT NULL,
  task_id text NOT NULL,
  units numeric NOT NULL,
  start_seconds bigint NOT NULL,
  duration_seconds bigint NOT NULL,
  cause text NOT NULL,
  PRIMARY KEY (decision, place)
);
CREATE INDEX granted_account ON granted (account, decision);
CREATE TABLE root (
  epoch bigint PRIMARY KEY,
  root text NOT NULL,
  sum numeric NOT NULL,
  decisions bigint NOT NULL
);`;

async function apply(tx: Tx, event: RecordedEvent): Promise<void> {
  const { type, data } = event as unknown as GrantsEvent;
  if (type === 'skein.staking.root.decided.v1') {
    await tx.query('INSERT INTO root (epoch, root, sum, decisions) VALUES ($1, $2, $3, $4)', [data.epoch, data.root, data.sum, data.decisions]);
    return;
  }
  const { number, cause, grants } = data;
  const column = (name: 'account' | 'taskId' | 'units' | 'start' | 'duration'): string[] => grants.map((grant) => String(grant[name]));
  await tx.query(
    `INSERT INTO granted SELECT $1, place, account, task_id, units, start_seconds, duration_seconds, $2
     FROM unnest($3::text[], $4::text[], $5::numeric[], $6::bigint[], $7::bigint[]) WITH ORDINALITY AS g (account, task_id, units, start_seconds, duration_seconds, place)`,
    [number, cause, column('account'), column('taskId'), column('units'), column('start'), column('duration')],
  );
}

/** Every grant by decision, and the roots over them. */
export const grantsProjection: Projection = {
  name: 'grants',
  version: 1,
  tables,
  types: ['skein.staking.grants.decided.v1', 'skein.staking.root.decided.v1'],
  apply,
};
