import { Inject, Injectable } from '@nestjs/common';
import { inboxOnce, type InboxEntry } from '@skein/events';
import { POOL } from '@skein/platform';
import type { Pool } from 'pg';
import type { ArenaFacts, FederatedFacts, LineageFacts } from '../application/ports.js';

interface PayeeRow {
  payee: string;
  weight: string;
}

const weighted = (rows: readonly PayeeRow[]) => rows.map(({ payee, weight }) => ({ payee, weight: BigInt(weight) }));

/** Who made what, copied from the news of arena and federation; each message takes effect once. */
@Injectable()
export class LineageCopy implements LineageFacts {
  readonly #pool: Pool;
  constructor(@Inject(POOL) pool: Pool) {
    this.#pool = pool;
  }

  async arenaTask(task: string): Promise<ArenaFacts | undefined> {
    const { rows } = await this.#pool.query<{ creator: string; developer: string; artifact_sha256: string }>(
      // Tasks and rewards come by different topics: until every epoch's payments are here, the shares would depend on which was faster.
      'SELECT * FROM lineage_arena_task t WHERE task = $1 AND (SELECT count(*) FROM lineage_epoch e WHERE e.task = t.task) >= t.epochs',
      [task],
    );
    const [found] = rows;
    if (!found) return undefined;
    const validators = await this.#pool.query<PayeeRow>('SELECT payee, paid AS weight FROM lineage_validator WHERE task = $1 ORDER BY payee', [task]);
    return { creator: found.creator, developer: found.developer, artifactSha256: found.artifact_sha256, validators: weighted(validators.rows) };
  }

  async federatedTask(task: string): Promise<FederatedFacts | undefined> {
    const { rows } = await this.#pool.query<{ creator: string; arena_task: string; model_sha256: string }>('SELECT * FROM lineage_federated_task WHERE task = $1', [task]);
    const [found] = rows;
    if (!found) return undefined;
    const proposers = await this.#pool.query<PayeeRow>(
      'SELECT proposer AS payee, count(*) AS weight FROM lineage_round, unnest(proposers) AS proposer WHERE task = $1 AND accepted GROUP BY proposer ORDER BY proposer',
      [task],
    );
    return { creator: found.creator, arenaTask: found.arena_task, modelSha256: found.model_sha256, proposers: weighted(proposers.rows) };
  }

  async taskFinished(inbox: InboxEntry, task: { task: string; creator: string; developer: string; artifactSha256: string; epochs: number }): Promise<void> {
    await inboxOnce(this.#pool, inbox, async (tx) => {
      await tx.query('INSERT INTO lineage_arena_task (task, creator, developer, artifact_sha256, epochs) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING', [task.task, task.creator, task.developer, task.artifactSha256, task.epochs]);
    });
  }

  /** Adds what one epoch paid. */
  async validatorsPaid(inbox: InboxEntry, { task, epoch }: { task: string; epoch: number }, paid: readonly { payee: string; units: string }[]): Promise<void> {
    await inboxOnce(this.#pool, inbox, async (tx) => {
      await tx.query('INSERT INTO lineage_epoch (task, epoch) VALUES ($1, $2)', [task, epoch]);
      await tx.query(
        `INSERT INTO lineage_validator (task, payee, paid) SELECT $1, payee, sum(units) FROM unnest($2::text[], $3::numeric[]) AS paid (payee, units) GROUP BY payee
         ON CONFLICT (task, payee) DO UPDATE SET paid = lineage_validator.paid + excluded.paid`,
        [task, paid.map(({ payee }) => payee), paid.map(({ units }) => units)],
      );
    });
  }

  async roundOpened(inbox: InboxEntry, round: { task: string; round: number; proposers: readonly string[] }): Promise<void> {
    await inboxOnce(this.#pool, inbox, async (tx) => {
      await tx.query('INSERT INTO lineage_round (task, round, proposers) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [round.task, round.round, [...round.proposers]]);
    });
  }

  async roundAccepted(inbox: InboxEntry, task: string, round: number): Promise<void> {
    await inboxOnce(this.#pool, inbox, async (tx) => {
      await tx.query('UPDATE lineage_round SET accepted = true WHERE task = $1 AND round = $2', [task, round]);
    });
  }

  async modelExported(inbox: InboxEntry, task: { task: string; creator: string; arenaTask: string; modelSha256: string }): Promise<void> {
    await inboxOnce(this.#pool, inbox, async (tx) => {
      await tx.query('INSERT INTO lineage_federated_task (task, creator, arena_task, model_sha256) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING', [task.task, task.creator, task.arenaTask, task.modelSha256]);
    });
  }
}
