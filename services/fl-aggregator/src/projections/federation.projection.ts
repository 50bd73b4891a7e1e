import type { Projection, Recorded, RecordedEvent, Tx } from '@skein/events';
import type { FederationEvent, PoolMovement } from '../domain/index.js';

/** Name of the projection, its schema and its subscription. */
export const FEDERATION = 'federation';

const TABLES = `
CREATE TABLE task (
  id text PRIMARY KEY,
  creator text NOT NULL,
  title text NOT NULL,
  status text NOT NULL,
  rounds integer NOT NULL,
  rounds_done integer NOT NULL DEFAULT 0,
  proposed_at_ms bigint NOT NULL
);
CREATE INDEX task_newest ON task (proposed_at_ms DESC, id DESC);
CREATE TABLE round (
  task_id text NOT NULL,
  round integer NOT NULL,
  status text NOT NULL,
  beacon_kind text NOT NULL DEFAULT '',
  beacon_value text NOT NULL DEFAULT '',
  proposers jsonb NOT NULL DEFAULT '[]',
  voters jsonb NOT NULL DEFAULT '[]',
  contributions jsonb NOT NULL DEFAULT '[]',
  aggregate_sha256 text NOT NULL DEFAULT '',
  weights_sha256 text NOT NULL DEFAULT '',
  sum text NOT NULL DEFAULT '',
  reward text NOT NULL DEFAULT '0',
  slashes jsonb NOT NULL DEFAULT '[]',
  payments jsonb NOT NULL DEFAULT '[]',
  caller_units text NOT NULL DEFAULT '0',
  pool_left text NOT NULL DEFAULT '0',
  opened_at_ms bigint NOT NULL,
  closed_at_ms bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (task_id, round)
);
CREATE TABLE node (
  task_id text NOT NULL,
  node text NOT NULL,
  out boolean NOT NULL DEFAULT false,
  paid numeric(78, 0) NOT NULL DEFAULT 0,
  slashed numeric(78, 0) NOT NULL DEFAULT 0,
  proposed integer NOT NULL DEFAULT 0,
  voted integer NOT NULL DEFAULT 0,
  PRIMARY KEY (task_id, node)
);
`;

const taskIdOf = (event: RecordedEvent): string => event.streamId.slice('federation-'.length);

/** Amounts as strings: jsonb would turn big integers into what JavaScript cannot read exactly. */
const json = (value: unknown): string => JSON.stringify(value, (_, field: unknown) => (typeof field === 'bigint' ? field.toString() : field));

async function settle(tx: Tx, task: string, money: PoolMovement): Promise<void> {
  for (const { node, units } of money.slashes)
    await tx.query('UPDATE node SET slashed = slashed + $3::numeric WHERE task_id = $1 AND node = $2', [task, node, units.toString()]);
  for (const { node, units } of money.payments)
    await tx.query('UPDATE node SET paid = paid + $3::numeric WHERE task_id = $1 AND node = $2', [task, node, units.toString()]);
  await tx.query(`UPDATE task SET rounds_done = rounds_done + 1, status = 'running' WHERE id = $1`, [task]);
}

const statusOf = (tx: Tx, task: string, round: number, status: string): Promise<unknown> =>
  tx.query('UPDATE round SET status = $3 WHERE task_id = $1 AND round = $2', [task, round, status]);

async function applyRound(tx: Tx, task: string, event: Recorded<FederationEvent>): Promise<void> {
  const at = event.recordedAtMs;
  switch (event.type) {
    case 'skein.federation.round.opened.v1': {
      const { round, beacon, proposers, voters, modelSha256 } = event.data;
      await tx.query(
        `INSERT INTO round (task_id, round, status, beacon_kind, beacon_value, proposers, voters, weights_sha256, opened_at_ms)
         VALUES ($1, $2, 'contributing', $3, $4, $5, $6, $7, $8)`,
        [task, round, beacon.kind, beacon.value, json(proposers), json(voters), modelSha256, at],
      );
      await tx.query('UPDATE node SET proposed = proposed + 1 WHERE task_id = $1 AND node = ANY($2)', [task, proposers.map(({ node }) => node)]);
      return;
    }
    case 'skein.federation.contribution.accepted.v1': {
      const { round, node, sha256, examples, norm } = event.data;
      await tx.query('UPDATE round SET contributions = contributions || $3::jsonb WHERE task_id = $1 AND round = $2', [
        task, round, json([{ node, sha256, examples, norm }]),
      ]);
      return;
    }
    case 'skein.federation.contributing.closed.v1':
      await statusOf(tx, task, event.data.round, 'aggregating');
      return;
    case 'skein.federation.round.aggregated.v1': {
      const { round, sha256, scores } = event.data;
      await tx.query(
        `UPDATE round SET status = 'committing', aggregate_sha256 = $3, contributions = (
           SELECT coalesce(jsonb_agg(c || jsonb_build_object('score', $4::jsonb -> (c ->> 'node')) ORDER BY c ->> 'node'), '[]')
           FROM jsonb_array_elements(contributions) AS c) WHERE task_id = $1 AND round = $2`,
        [task, round, sha256, json(scores)],
      );
      return;
    }
    case 'skein.federation.revealing.opened.v1':
      await statusOf(tx, task, event.data.round, 'revealing');
      return;
    case 'skein.federation.vote.revealed.v1':
      await tx.query('UPDATE node SET voted = voted + 1 WHERE task_id = $1 AND node = $2', [task, event.data.node]);
      return;
    case 'skein.federation.round.settled.v1': {
      const { round, outcome, sum, reward, modelSha256, slashes, payments, callerUnits, left } = event.data;
      await tx.query(
        `UPDATE round SET status = $3, sum = $4, reward = $5, weights_sha256 = $6, slashes = $7, payments = $8, caller_units = $9,
           pool_left = $10, closed_at_ms = $11 WHERE task_id = $1 AND round = $2`,
        [task, round, outcome, sum.toString(), reward.toString(), modelSha256, json(slashes), json(payments), callerUnits.toString(), left.toString(), at],
      );
      await settle(tx, task, event.data);
      return;
    }
    case 'skein.federation.round.voided.v1': {
      const { round, slashes, callerUnits, left } = event.data;
      await tx.query(
        `INSERT INTO round AS r (task_id, round, status, slashes, caller_units, pool_left, opened_at_ms, closed_at_ms)
         VALUES ($1, $2, 'void', $3, $4, $5, $6, $6) ON CONFLICT (task_id, round) DO UPDATE SET status = 'void',
           slashes = excluded.slashes, caller_units = excluded.caller_units, pool_left = excluded.pool_left, closed_at_ms = excluded.closed_at_ms`,
        [task, round, json(slashes), callerUnits.toString(), left.toString(), at],
      );
      await settle(tx, task, event.data);
    }
  }
}

async function apply(tx: Tx, recorded: RecordedEvent): Promise<void> {
  const event = recorded as Recorded<FederationEvent>;
  const task = taskIdOf(recorded);
  switch (event.type) {
    case 'skein.federation.task.proposed.v1': {
      const { creator, manifest } = event.data;
      await tx.query(`INSERT INTO task (id, creator, title, status, rounds, proposed_at_ms) VALUES ($1, $2, $3, 'proposed', $4, $5)`, [
        task, creator, manifest.title, manifest.rounds, event.recordedAtMs,
      ]);
      return;
    }
    case 'skein.federation.task.approved.v1':
      await tx.query(`UPDATE task SET status = 'joining' WHERE id = $1`, [task]);
      return;
    case 'skein.federation.node.joined.v1':
      await tx.query('INSERT INTO node (task_id, node) VALUES ($1, $2) ON CONFLICT (task_id, node) DO UPDATE SET out = false', [task, event.data.node]);
      return;
    case 'skein.federation.node.excluded.v1':
      await tx.query('UPDATE node SET out = true WHERE task_id = $1 AND node = $2', [task, event.data.node]);
      return;
    case 'skein.federation.joining.closed.v1':
      await tx.query(`UPDATE task SET status = 'running' WHERE id = $1`, [task]);
      return;
    case 'skein.federation.task.finished.v1':
      await tx.query(`UPDATE task SET status = 'finished' WHERE id = $1`, [task]);
      return;
    default:
      await applyRound(tx, task, event);
  }
}

/** Tasks, rounds and nodes as the API lists them. */
export const federationProjection: Projection = { name: FEDERATION, version: 1, tables: TABLES, apply };
