import { withinGuard } from './account.js';
import type { Books } from './books.js';
import { Overlay } from './books.js';
import type { Transfer, TransferCode, TransferRecord, TransferRequest } from './transfer.js';
import { compareWithRecord, staysFailed } from './transfer.js';

/** What a batch came to: a code per request in order, the transfers that stand, and the ids that stay failed. */
export interface BatchOutcome {
  readonly results: readonly { readonly id: string; readonly code: TransferCode }[];
  readonly applied: readonly Transfer[];
  readonly failed: readonly { readonly id: string; readonly code: TransferCode }[];
}

/** Cuts a batch into its linked chains; a transfer that is not linked is a chain of one. */
function chainsOf(requests: readonly TransferRequest[]): TransferRequest[][] {
  const chains: TransferRequest[][] = [];
  let chain: TransferRequest[] = [];
  for (const request of requests) {
    chain.push(request);
    if (request.linked) continue;
    chains.push(chain);
    chain = [];
  }
  if (chain.length > 0) chains.push(chain);
  return chains;
}

/** Executes transfers in order over the books: each linked chain all or nothing, everything else on its own. */
export function executeBatch(books: Books, requests: readonly TransferRequest[], nowMs: number): BatchOutcome {
  const batch = new Overlay(books);
  const results: { id: string; code: TransferCode }[] = [];
  const applied: Transfer[] = [];
  const failed: { id: string; code: TransferCode }[] = [];
  for (const chain of chainsOf(requests)) {
    const outcome = executeChain(batch, chain, nowMs);
    results.push(...outcome.results);
    applied.push(...outcome.applied);
    const broken = outcome.results.find(({ code }) => staysFailed(code));
    if (!broken) continue;
    failed.push(broken);
    batch.putRecord(broken.id, { failed: broken.code });
  }
  return { results, applied, failed };
}

function executeChain(batch: Overlay, chain: readonly TransferRequest[], nowMs: number) {
  const overlay = new Overlay(batch);
  const applied: Transfer[] = [];
  const results: { id: string; code: TransferCode }[] = [];
  const open = chain.at(-1)!.linked === true;
  for (const request of chain) {
    const outcome = open ? 'linked-chain-open' : executeOne(overlay, request, nowMs);
    if (typeof outcome !== 'string') {
      overlay.apply(outcome);
      applied.push(outcome);
    }
    const code = typeof outcome === 'string' ? outcome : 'created';
    results.push({ id: request.id, code });
    if (code !== 'created' && code !== 'exists') return { applied: [], results: chain.map((each) => resultInBrokenChain(each, request, code)) };
  }
  overlay.mergeInto(batch);
  return { applied, results };
}

const resultInBrokenChain = (each: TransferRequest, broken: TransferRequest, code: TransferCode) => ({
  id: each.id,
  code: each === broken ? code : code === 'linked-chain-open' ? code : ('linked-transfer-failed' as const),
});

/** The transfer to apply, or the code that says why nothing is applied (`exists` among them). */
function executeOne(view: Overlay, request: TransferRequest, nowMs: number): Transfer | TransferCode {
  const known = view.record(request.id);
  if (known) return compareWithRecord(request, known);
  return request.kind === 'posted' || request.kind === 'pending' ? executeNew(view, request, nowMs) : resolve(view, request, nowMs);
}

function executeNew(view: Overlay, request: TransferRequest, nowMs: number): Transfer | TransferCode {
  const { debit = '', credit = '', amount = 0n } = request;
  if (amount <= 0n) return 'amount-must-be-positive';
  if (debit === credit) return 'accounts-must-be-different';
  const from = view.account(debit);
  if (!from) return 'debit-account-not-found';
  const to = view.account(credit);
  if (!to) return 'credit-account-not-found';
  if (!withinGuard({ ...from, debitsPosted: from.debitsPosted + amount })) return 'exceeds-credits';
  if (!withinGuard({ ...to, creditsPosted: to.creditsPosted + amount })) return 'exceeds-debits';
  return { ...described(request), debit, credit, amount, ...lifetime(request, nowMs) };
}

function resolve(view: Overlay, request: TransferRequest, nowMs: number): Transfer | TransferCode {
  const record = view.record(request.pendingId ?? '');
  const pending = pendingOf(record);
  if (typeof pending === 'string') return pending;
  const due = pending.expiresAtMs !== undefined && nowMs >= pending.expiresAtMs;
  if (request.kind === 'expire-pending' && !due) return 'pending-transfer-not-due';
  if (request.kind === 'post-pending' && due) return 'pending-transfer-expired';
  const amount = request.kind === 'post-pending' ? (request.amount ?? pending.amount) : 0n;
  if (request.kind === 'post-pending' && amount <= 0n) return 'amount-must-be-positive';
  if (amount > pending.amount) return 'exceeds-pending-amount';
  const { debit, credit } = pending;
  return { ...described(request), debit, credit, amount, pendingId: pending.id, pendingAmount: pending.amount };
}

function pendingOf(record: TransferRecord | undefined): Transfer | TransferCode {
  if (!record || 'failed' in record) return 'pending-transfer-not-found';
  if (record.transfer.kind !== 'pending') return 'pending-transfer-not-pending';
  switch (record.resolution) {
    case undefined:
      return record.transfer;
    case 'post-pending':
      return 'pending-transfer-already-posted';
    case 'void-pending':
      return 'pending-transfer-already-voided';
    case 'expire-pending':
      return 'pending-transfer-expired';
  }
}

function described(request: TransferRequest) {
  return {
    id: request.id,
    kind: request.kind,
    code: request.code,
    ...(request.source === undefined ? {} : { source: request.source }),
    ...(request.maturesAtMs === undefined ? {} : { maturesAtMs: request.maturesAtMs }),
  };
}

function lifetime(request: TransferRequest, nowMs: number) {
  const { timeoutMs = 0 } = request;
  return request.kind === 'pending' && timeoutMs > 0 ? { timeoutMs, expiresAtMs: nowMs + timeoutMs } : {};
}
