import type { MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import {
  BillingService, type GetStatementRequest, type GetStatementResponseSchema, type GetTrialBalanceRequest, type ListChargesRequest, type ListChargesResponseSchema,
  type ListStatementsRequest, type ListStatementsResponseSchema, type StatementSchema, type TrialBalanceSchema,
} from '@skein/contracts/billing';
import { tryParseWallet, formatWallet } from '@skein/kernel';
import { notFound, Rpc, type CallContext } from '@skein/platform';
import { Customers } from '../../application/customers.js';
import { customerIdOf } from '../../application/names.js';
import { QUERIES, trialDifference, type BillingQueries, type StatementRow } from '../../application/views.js';

const PAGE_SIZE = 100;

const pageSize = (asked: number): number => (asked === 0 ? PAGE_SIZE : asked);

/** What the read models know: charges, statements, the trial balance. */
@Injectable()
export class StatementsApi {
  readonly #queries: BillingQueries;
  readonly #customers: Customers;

  constructor(@Inject(QUERIES) queries: BillingQueries, @Inject(Customers) customers: Customers) {
    this.#queries = queries;
    this.#customers = customers;
  }

  @Rpc(BillingService.method.listCharges)
  async listCharges(request: ListChargesRequest, call: CallContext): Promise<MessageInitShape<typeof ListChargesResponseSchema>> {
    await this.#customers.visible(customerIdOf(request.parent, 'parent'), call.identity, 'parent');
    const { rows, nextPageToken } = await this.#queries.charges(request.parent, pageSize(request.pageSize), request.pageToken);
    const charges = rows.map((row) => ({
      reservationId: row.reservation_id, modelVersion: row.model_version, priceVersion: row.price_version, unitPriceE15: row.unit_price_e15, units: BigInt(row.units),
      gross: row.gross, compute: row.compute, platform: row.platform, contributors: row.contributors, asset: 'USD', chargedAtMs: BigInt(row.charged_at_ms),
    }));
    return { charges, nextPageToken };
  }

  @Rpc(BillingService.method.listStatements)
  async listStatements(request: ListStatementsRequest): Promise<MessageInitShape<typeof ListStatementsResponseSchema>> {
    const { rows, nextPageToken } = await this.#queries.statements(pageSize(request.pageSize), request.pageToken);
    return { statements: statementsOf(rows), nextPageToken };
  }

  @Rpc(BillingService.method.getStatement)
  async getStatement(request: GetStatementRequest, call: CallContext): Promise<MessageInitShape<typeof GetStatementResponseSchema>> {
    const wallet = tryParseWallet(request.payee);
    const payee = wallet ? formatWallet(wallet) : request.payee;
    if (call.identity.kind === 'wallet' && call.identity.wallet !== payee) throw notFound('payee');
    return { statements: statementsOf(await this.#queries.statement(payee)) };
  }

  @Rpc(BillingService.method.getTrialBalance)
  async getTrialBalance(_request: GetTrialBalanceRequest): Promise<MessageInitShape<typeof TrialBalanceSchema>> {
    const { rows, ledgers } = await this.#queries.trialBalance();
    const lines = rows.map((row) => ({
      asset: row.asset, account: row.account, debitsPosted: row.debits_posted, creditsPosted: row.credits_posted, debitsPending: row.debits_pending, creditsPending: row.credits_pending,
    }));
    return { lines, difference: String(trialDifference(rows)), ledgers: BigInt(ledgers) };
  }
}

function statementsOf(rows: readonly StatementRow[]): MessageInitShape<typeof StatementSchema>[] {
  const byPayee = Map.groupBy(rows, ({ payee, asset }) => `${payee}\0${asset}`);
  return [...byPayee.values()].map((lines) => ({
    payee: lines[0]!.payee,
    asset: lines[0]!.asset,
    total: String(lines.reduce((sum, { units }) => sum + BigInt(units), 0n)),
    lines: lines.map((line) => ({ account: line.class, source: line.source, units: line.units, entries: BigInt(line.entries), heldUntilMs: BigInt(line.held_until_ms) })),
  }));
}
