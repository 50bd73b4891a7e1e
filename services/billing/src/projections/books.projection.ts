import type { Projection, Recorded, RecordedEvent, Tx } from '@skein/events';
import { accountClass, accountPayee } from '../domain/ledger/account.js';
import type { LedgerEvent } from '../domain/ledger/ledger.events.js';
import type { Transfer } from '../domain/ledger/transfer.js';

const TABLES = `
CREATE TABLE ledger (ledger_id text PRIMARY KEY, kind text NOT NULL, subject text NOT NULL, asset text NOT NULL, scale int NOT NULL);
CREATE TABLE account (
  ledger_id text NOT NULL, account text NOT NULL, class text NOT NULL, payee text NOT NULL,
  debits_posted numeric NOT NULL, credits_posted numeric NOT NULL, debits_pending numeric NOT NULL, credits_pending numeric NOT NULL,
  PRIMARY KEY (ledger_id, account)
);
CREATE TABLE statement (
  payee text NOT NULL, asset text NOT NULL, class text NOT NULL, source text NOT NULL,
  units numeric NOT NULL, entries bigint NOT NULL, held_until_ms bigint NOT NULL,
  PRIMARY KEY (payee, asset, class, source)
);`;

const ADD_TO_ACCOUNTS = `
INSERT INTO account (ledger_id, account, class, payee, debits_posted, credits_posted, debits_pending, credits_pending)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::numeric[], $6::numeric[], $7::numeric[], $8::numeric[])
ON CONFLICT (ledger_id, account) DO UPDATE SET
  debits_posted = account.debits_posted + excluded.debits_posted, credits_posted = account.credits_posted + excluded.credits_posted,
  debits_pending = account.debits_pending + excluded.debits_pending, credits_pending = account.credits_pending + excluded.credits_pending`;

const ADD_TO_STATEMENTS = `
INSERT INTO statement (payee, asset, class, source, units, entries, held_until_ms)
SELECT line.payee, ledger.asset, line.class, line.source, line.units, line.entries, line.held
FROM unnest($2::text[], $3::text[], $4::text[], $5::numeric[], $6::bigint[], $7::bigint[]) AS line (payee, class, source, units, entries, held)
JOIN ledger ON ledger.ledger_id = $1
ON CONFLICT (payee, asset, class, source) DO UPDATE SET
  units = statement.units + excluded.units, entries = statement.entries + excluded.entries,
  held_until_ms = greatest(statement.held_until_ms, excluded.held_until_ms)`;

interface Movement {
  debitsPosted: bigint;
  creditsPosted: bigint;
  debitsPending: bigint;
  creditsPending: bigint;
}

const nothing = (): Movement => ({ debitsPosted: 0n, creditsPosted: 0n, debitsPending: 0n, creditsPending: 0n });

function movements(transfers: readonly Transfer[]): Map<string, Movement> {
  const moved = new Map<string, Movement>();
  const at = (account: string): Movement => {
    const found = moved.get(account) ?? nothing();
    moved.set(account, found);
    return found;
  };
  for (const { kind, debit, credit, amount, pendingAmount = 0n } of transfers) {
    const pending = kind === 'pending' ? amount : -pendingAmount;
    const posted = kind === 'pending' ? 0n : amount;
    at(debit).debitsPosted += posted;
    at(debit).debitsPending += pending;
    at(credit).creditsPosted += posted;
    at(credit).creditsPending += pending;
  }
  return moved;
}

async function addToAccounts(tx: Tx, ledgerId: string, moved: ReadonlyMap<string, Movement>): Promise<void> {
  const ids = [...moved.keys()];
  const all = [...moved.values()];
  await tx.query(ADD_TO_ACCOUNTS, [
    ledgerId, ids, ids.map(accountClass), ids.map((id) => accountPayee(id) ?? ''),
    all.map((each) => String(each.debitsPosted)), all.map((each) => String(each.creditsPosted)),
    all.map((each) => String(each.debitsPending)), all.map((each) => String(each.creditsPending)),
  ]);
}

/** What a payee earns is credited to `payable.…` or `vesting.…`; what moves on from there is debited. Other accounts with a name behind the slash are no payees'. */
const isEarning = (account: string): boolean => /^(payable|vesting)\./.test(account);

async function addToStatements(tx: Tx, ledgerId: string, transfers: readonly Transfer[]): Promise<void> {
  const lines = new Map<string, { account: string; source: string; units: bigint; entries: number; heldMs: number }>();
  for (const { kind, debit, credit, amount, source = '', maturesAtMs = 0 } of transfers) {
    if (kind === 'pending' || amount === 0n) continue;
    for (const [account, units] of [[debit, -amount], [credit, amount]] as const) {
      if (!isEarning(account)) continue;
      const key = `${account}\0${source}`;
      const line = lines.get(key) ?? { account, source, units: 0n, entries: 0, heldMs: 0 };
      lines.set(key, { ...line, units: line.units + units, entries: line.entries + 1, heldMs: Math.max(line.heldMs, maturesAtMs) });
    }
  }
  const all = [...lines.values()];
  if (all.length === 0) return;
  await tx.query(ADD_TO_STATEMENTS, [
    ledgerId, all.map(({ account }) => accountPayee(account) ?? ''), all.map(({ account }) => accountClass(account)), all.map(({ source }) => source),
    all.map(({ units }) => String(units)), all.map(({ entries }) => entries), all.map(({ heldMs }) => heldMs),
  ]);
}

async function apply(tx: Tx, event: Recorded<LedgerEvent>): Promise<void> {
  switch (event.type) {
    case 'skein.billing.ledger.opened.v1': {
      const { ledgerId, kind, subject, asset, scale } = event.data;
      await tx.query('INSERT INTO ledger (ledger_id, kind, subject, asset, scale) VALUES ($1, $2, $3, $4, $5)', [ledgerId, kind, subject, asset, scale]);
      return;
    }
    case 'skein.billing.ledger.accounts-opened.v1':
      await addToAccounts(tx, event.streamId, new Map(event.data.accounts.map(({ id }) => [id, nothing()])));
      return;
    case 'skein.billing.ledger.transfers-applied.v1':
      await addToAccounts(tx, event.streamId, movements(event.data.transfers));
      await addToStatements(tx, event.streamId, event.data.transfers);
      return;
    default:
      return;
  }
}

/** Balances of every account, and what each payee earned from which source. */
export const booksProjection: Projection = {
  name: 'books',
  version: 1,
  tables: TABLES,
  types: ['skein.billing.ledger.opened.v1', 'skein.billing.ledger.accounts-opened.v1', 'skein.billing.ledger.transfers-applied.v1'],
  apply: (tx, event: RecordedEvent) => apply(tx, event as Recorded<LedgerEvent>),
};
