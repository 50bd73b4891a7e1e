import type { MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import {
  StakingService,
  type ListCasesRequest,
  type ListCasesResponseSchema,
  type ListNoticesRequest,
  type ListNoticesResponseSchema,
  type NoticeSchema,
  type SlashCaseSchema,
} from '@skein/contracts/staking';
import { canonicalWallet } from '@skein/kernel';
import { Rpc } from '@skein/platform';
import { CASE_MS } from '../../domain/case/case.decider.js';
import { noticeId } from '../../application/outbox/take-cases.js';
import { OUTBOX_QUERIES } from '../../application/outbox/tokens.js';
import { worth } from '../../domain/pool/pool-book.js';
import type { OutboxQueries } from '../../projections/outbox.queries.js';
import type { RowOf } from '../../projections/ledger/table.js';
import { CASE, DELEGATION, NOTICE, POOL } from '../../projections/ledger/tables.js';
import { pageSizeOf, timeOf, walletOf } from './messages.js';
import { rowParts, tokenOf } from './page-token.js';
import { ReadView } from './read-view.js';

const NOTICES_MAX = 1_000;
/** A case is opened and ends: it never has more states. */
const VERSIONS_MAX = 2;

type Told = MessageInitShape<typeof NoticeSchema>;
type CaseRow = RowOf<typeof CASE>;

const caseOf = (row: CaseRow): MessageInitShape<typeof SlashCaseSchema> => ({
  caseId: row.case_id,
  accused: row.accused,
  task: `tasks/${row.task_id}`,
  role: row.role,
  pool: row.pool ?? '',
  reporter: row.reporter ?? '',
  capUnits: row.cap.toString(),
  ownUnits: row.own.toString(),
  countedUnits: row.counted.toString(),
  evidence: row.evidence,
  status: row.status,
  openedAtMs: timeOf(row.opened_at_ms),
  endedAtMs: timeOf(row.ended_at_ms),
  fromOwnerUnits: row.from_owner.toString(),
  fromPoolUnits: row.from_pool.toString(),
  toReporterUnits: row.to_reporter.toString(),
});

/** Cases, and what they mean to those who delegated. */
@Injectable()
export class CasesApi {
  constructor(
    @Inject(ReadView) private readonly view: ReadView,
    @Inject(OUTBOX_QUERIES) private readonly outbox: OutboxQueries,
  ) {}

  @Rpc(StakingService.method.listCases)
  async listCases(request: ListCasesRequest): Promise<MessageInitShape<typeof ListCasesResponseSchema>> {
    const position = await this.view.seen(request.minPosition);
    const accused = walletOf(request.accused);
    const where = {
      ...(accused === undefined ? {} : { accused }),
      ...(request.pool === '' ? {} : { pool: request.pool }),
      ...(request.caseId === '' ? {} : { case_id: request.caseId }),
    };
    const after = rowParts(request.pageToken, 1);
    const limit = pageSizeOf(request.pageSize);
    const rows = await this.view.queries.ledger.rows(CASE, { where, limit: limit + 1, ...(after === undefined ? {} : { after }) });
    const page = await this.#asOfNow(rows.slice(0, limit));
    return { cases: page.map(caseOf), nextPageToken: rows.length > limit ? tokenOf([page.at(-1)!.case_id]) : '', position };
  }

  @Rpc(StakingService.method.listNotices)
  async listNotices(request: ListNoticesRequest): Promise<MessageInitShape<typeof ListNoticesResponseSchema>> {
    const delegator = canonicalWallet(request.delegator);
    const position = await this.view.seen(request.minPosition);
    const notices = [...(await this.#losses(delegator)), ...(await this.#threats(delegator))];
    notices.sort((a, b) => Number((a.openedAtMs ?? 0n) - (b.openedAtMs ?? 0n)) || (a.caseId! < b.caseId! ? -1 : 1));
    return { notices: await this.#withRules(notices.slice(-NOTICES_MAX)), position };
  }

  /** As the contract sees cases at the last final block: one that nobody has ended in time has ended without a slash. */
  async #asOfNow(rows: readonly CaseRow[]): Promise<readonly CaseRow[]> {
    if (!rows.some(({ status }) => status === 'open')) return rows;
    const nowMs = await this.view.finalTimeMs();
    return rows.map((row) => {
      const endsAtMs = row.status === 'open' && row.opened_at_ms !== null ? row.opened_at_ms + CASE_MS : Infinity;
      return nowMs < endsAtMs ? row : { ...row, status: 'dismissed', ended_at_ms: endsAtMs };
    });
  }

  /** What each case is about: the chain only holds the evidence's hash. */
  async #withRules(notices: readonly Told[]): Promise<Told[]> {
    const decided = await this.outbox.contents([...new Set(notices.map(({ caseId }) => noticeId(caseId!)))]);
    return notices.map((notice) => ({ ...notice, rule: String(decided.get(noticeId(notice.caseId!))?.['rule'] ?? '') }));
  }

  /** What slashes took. */
  async #losses(delegator: string): Promise<Told[]> {
    const { ledger } = this.view.queries;
    const losses: Told[] = [];
    for (const { case_id: caseId, pool, before, lost } of await ledger.rows(NOTICE, { where: { delegator }, limit: NOTICES_MAX })) {
      const found = await ledger.row(CASE, { case_id: caseId });
      const why = { accused: found?.accused ?? '', evidence: found?.evidence ?? '', status: found?.status ?? '', openedAtMs: timeOf(found?.opened_at_ms ?? null) };
      losses.push({ caseId, pool, ...why, beforeUnits: before.toString(), lostUnits: lost.toString() });
    }
    return losses;
  }

  /**
   * Cases without a slash against owners of pools that the delegator is in, whose exits wait while they are open; of those that were
   * dismissed, the ones whose notice it had principal at.
   */
  async #threats(delegator: string): Promise<Told[]> {
    const { ledger } = this.view.queries;
    const threats: Told[] = [];
    for (const { pool } of await ledger.rows(DELEGATION, { where: { delegator }, limit: NOTICES_MAX })) {
      const owner = (await ledger.row(POOL, { pool }))?.owner;
      if (owner === undefined) continue;
      for (const found of await this.#asOfNow(await ledger.rows(CASE, { where: { accused: owner }, limit: NOTICES_MAX }))) {
        const before = found.status === 'slashed' ? 0n : await this.#worthOf(pool, delegator, found);
        if (before === 0n) continue;
        const { case_id: caseId, accused, evidence, status, opened_at_ms: openedAtMs } = found;
        threats.push({ caseId, pool, accused, evidence, status, openedAtMs: timeOf(openedAtMs), beforeUnits: before.toString(), lostUnits: '0' });
      }
    }
    return threats;
  }

  /** What a delegator has in a pool while a case is open, and had at its notice once it is not. */
  async #worthOf(pool: string, delegator: string, { case_id, status }: CaseRow): Promise<bigint> {
    const { ledger } = this.view.queries;
    const [notice] = status === 'open' ? [] : await ledger.versions(CASE, { case_id }, VERSIONS_MAX);
    const held = (await ledger.row(DELEGATION, { pool, delegator }, notice?.since))?.held ?? 0n;
    const row = held === 0n ? undefined : await ledger.row(POOL, { pool }, notice?.since);
    return row === undefined ? 0n : worth(held, { principalIndex: row.principal_index });
  }
}
