import { randomUUID } from 'node:crypto';
import { type DescMessage, type MessageInitShape, create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type ScoringRequested, ScoringRequestedSchema } from '@skein/contracts/arena';
import { CaseChangedSchema, PositionChangedSchema, ReconciliationPassedSchema } from '@skein/contracts/staking';
import { VerdictAgreedSchema, VerdictFailedSchema } from '@skein/contracts/validation';
import { FP_ONE, largestRemainder } from '@skein/kernel';
import { EmbeddedEventLog, type LogConsumer, type PublicMessage, eventLogMigrations, loadTopics, sourceOf } from '@skein/messaging';
import { type TestDatabase, freshDatabase } from '@skein/testing';

const UNIT = 10n ** 18n;

/** How validation judges a submission; undefined leaves it unjudged. */
export type Judge = (submission: string, request: ScoringRequested) => { score: bigint } | { failed: string; modelAtFault: boolean } | undefined;

/** Stand-ins for the neighbouring services on the real event log: they only speak the public formats. */
export class Neighbours {
  readonly received: PublicMessage[] = [];
  private readonly versions = new Map<string, bigint>();
  /** The newest final block that it has told of. */
  block = 100n;
  private consumer: LogConsumer | undefined;

  private constructor(
    readonly database: TestDatabase,
    readonly log: EmbeddedEventLog,
  ) {}

  static async start(): Promise<Neighbours> {
    const database = await freshDatabase(eventLogMigrations);
    const log = new EmbeddedEventLog({ url: database.appUrl });
    await log.createTopics(await loadTopics());
    const neighbours = new Neighbours(database, log);
    await neighbours.reconciled();
    return neighbours;
  }

  get url(): string {
    return this.database.appUrl;
  }

  private async send<Desc extends DescMessage>(topic: string, key: string, type: string, schema: Desc, message: MessageInitShape<Desc>, id = randomUUID()): Promise<void> {
    const value = toBinary(schema, create(schema, message));
    await this.log.send([{ topic, key, id, type, timeMs: 0, value, headers: { ce_specversion: '1.0', ce_id: id, ce_type: type, ce_source: sourceOf(topic), ce_correlationid: id } }]);
  }

  /** The staking indexer: nothing differs, which holds for a day from whenever it is heard. */
  private reconciled(): Promise<void> {
    const message = { chain: 'eip155:31337', version: 1n, logSinceMs: 1n, asOf: { number: 1n, hash: '0x1' }, checkedAtMs: 10n ** 15n, holdsForMs: 86_400_000n };
    return this.send('staking.reconciliation.v1', message.chain, 'skein.staking.reconciliation.passed.v1', ReconciliationPassedSchema, message);
  }

  /** The staking indexer: a wallet's whole position. */
  async stake(wallet: string, task: string, role: 'node' | 'validator', amount: number): Promise<void> {
    const version = (this.versions.get(wallet) ?? 0n) + 1n;
    this.versions.set(wallet, version);
    const asOf = { number: ++this.block, hash: `0x${this.block.toString(16).padStart(64, '0')}` };
    const message = { wallet, version, asOf, stakes: [{ task, role, units: (BigInt(amount) * UNIT).toString() }] };
    await this.send('staking.position.v1', wallet, 'skein.staking.position.changed.v1', PositionChangedSchema, message);
  }

  /** The staking indexer: a final block ended a case; told twice. */
  async endCase(caseId: string, accused: string, end: { status: 'slashed' | 'dismissed'; fromOwnerUnits?: string; fromPoolUnits?: string; toReporterUnits?: string }): Promise<void> {
    const [id, message] = [randomUUID(), { caseId, accused, asOf: { number: 9n, hash: `0x${'9'.repeat(64)}` }, ...end }];
    for (let delivery = 0; delivery < 2; delivery++) await this.send('staking.position.v1', accused, 'skein.staking.case.changed.v1', CaseChangedSchema, message, id);
  }

  /** Validation: answers every scoring request at once, each verdict twice, shares by stake. */
  async judge(judge: Judge): Promise<void> {
    this.consumer = await this.log.consume({
      group: 'test.validation',
      topics: ['arena.task.v1', 'arena.submission.v1', 'arena.reward.v1', 'arena.case.v1'],
      onBatch: async ({ messages, resolve }) => {
        for (const message of messages) {
          this.received.push(message);
          if (message.type === 'skein.arena.scoring.requested.v1') await this.answer(fromBinary(ScoringRequestedSchema, message.value), judge);
          resolve(message);
        }
      },
    });
  }

  private async answer(request: ScoringRequested, judge: Judge): Promise<void> {
    const { scoringId, task, round, purpose, validators } = request;
    for (const { submission } of request.submissions) {
      const base = { verdict: `verdicts/${randomUUID()}`, scoringId, task, submission, round, purpose };
      const verdict = judge(submission, request);
      if (!verdict) continue;
      const id = randomUUID();
      for (let delivery = 0; delivery < 2; delivery++) {
        if ('failed' in verdict) await this.send('validation.verdict.v1', submission, 'skein.validation.verdict.failed.v1', VerdictFailedSchema, { ...base, rule: verdict.failed, modelAtFault: verdict.modelAtFault }, id);
        else {
          const stakes = validators.map(({ ownUnits }) => BigInt(ownUnits));
          const shares = largestRemainder(FP_ONE, stakes);
          const scores = validators.map(({ wallet, ownUnits }, index) => ({ validator: wallet, stakeUnits: ownUnits, scoreNano: verdict.score, shareE18: shares[index]!.toString() }));
          await this.send('validation.verdict.v1', submission, 'skein.validation.verdict.agreed.v1', VerdictAgreedSchema, { ...base, agreedScoreNano: verdict.score, scores }, id);
        }
      }
    }
  }

  async close(): Promise<void> {
    await this.consumer?.stop();
    await this.log.close();
    await this.database.drop();
  }
}
