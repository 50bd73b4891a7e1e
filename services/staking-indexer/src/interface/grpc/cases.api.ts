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

const caseOf = (row: RowOf<typeof CASE>): MessageInitShape<typeof SlashCaseSchema> => ({
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
    const page = rows.slice(0, limit);
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

  /** What each case is about: the chain only holds the evidence's hash. */
  async #withRules(notices: readonly MessageInitShape<typeof NoticeSchema>[]): Promise<MessageInitShape<typeof NoticeSchema>[]> {
    const decided = await this.outbox.contents([...new Set(notices.map(({ caseId }) => noticeId(caseId!)))]);
    return notices.map((notice) => ({ ...notice, rule: String(decided.get(noticeId(notice.caseId!))?.['rule'] ?? '') }));
  }

  /** What slashes took. */
  async #losses(delegator: string): Promise<MessageInitShape<typeof NoticeSchema>[]> {
    const { ledger } = this.view.queries;
    const losses: MessageInitShape<typeof NoticeSchema>[] = [];
    for (const { case_id: caseId, pool, before, lost } of await ledger.rows(NOTICE, { where: { delegator }, limit: NOTICES_MAX })) {
      const found = await ledger.row(CASE, { case_id: caseId });
      const why = { accused: found?.accused ?? '', evidence: found?.evidence ?? '', status: found?.status ?? '', openedAtMs: timeOf(found?.opened_at_ms ?? null) };
      losses.push({ caseId, pool, ...why, beforeUnits: before.toString(), lostUnits: lost.toString() });
    }
    return losses;
  }

  /** Open cases against owners of pools that the delegator has principal in: its exits wait for them. */
  async #threats(delegator: string): Promise<MessageInitShape<typeof NoticeSchema>[]> {
    const { ledger } = this.view.queries;
    const threats: MessageInitShape<typeof NoticeSchema>[] = [];
    for (const { pool, held } of await ledger.rows(DELEGATION, { where: { delegator }, limit: NOTICES_MAX })) {
      const row = held === 0n ? undefined : await ledger.row(POOL, { pool });
      if (row === undefined) continue;
      const before = worth(held, { principalIndex: row.principal_index });
      for (const found of await ledger.rows(CASE, { where: { accused: row.owner }, limit: NOTICES_MAX }))
        if (found.status === 'open')
          threats.push({
            caseId: found.case_id, pool, accused: found.accused, evidence: found.evidence, status: 'open', openedAtMs: timeOf(found.opened_at_ms), beforeUnits: before.toString(), lostUnits: '0',
          });
    }
    return threats;
  }
}
