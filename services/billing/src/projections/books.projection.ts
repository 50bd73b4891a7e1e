import { inBatches, RowChanges, type Projection, type Recorded, type RecordedEvent, type Tx } from '@skein/events';
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
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::numeric[], $6::numeric[], $7::numeric[], $8::numeric[])
ON CONFLICT (ledger_id, account) DO UPDATE SET
  debits_posted = account.debits_posted + excluded.debits_posted, credits_posted = account.credits_posted + excluded.credits_posted,
  debits_pending = account.debits_pending + excluded.debits_pending, credits_pending = account.credits_pending + excluded.credits_pending`;

// Two ledgers of one asset may earn the same payee the same: one line.
const ADD_TO_STATEMENTS = `
INSERT INTO statement (payee, asset, class, source, units, entries, held_until_ms)
SELECT line.payee, ledger.asset, line.class, line.source, sum(line.units), sum(line.entries), max(line.held)
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::numeric[], $6::bigint[], $7::bigint[]) AS line (ledger_id, payee, class, source, units, entries, held)
JOIN ledger ON ledger.ledger_id = line.ledger_id
GROUP BY line.payee, ledger.asset, line.class, line.source
ON CONFLICT (payee, asset, class, source) DO UPDATE SET
  units = statement.units + excluded.units, entries = statement.entries + excluded.entries,
  held_until_ms = greatest(statement.held_until_ms, excluded.held_until_ms)`;

/** What a batch adds to an account. */
interface Movement {
  readonly ledgerId: string;
  readonly account: string;
  debitsPosted: bigint;
  creditsPosted: bigint;
  debitsPending: bigint;
  creditsPending: bigint;
}

/** What a batch adds to a payee's line. */
interface Line {
  readonly ledgerId: string;
  readonly account: string;
  readonly source: string;
  units: bigint;
  entries: number;
  heldMs: number;
}

/** What a payee earns is credited to `payable.…` or `vesting.…`; what moves on from there is debited. Other accounts with a name behind the slash are no payees'. */
const isEarning = (account: string): boolean => /^(payable|vesting)\./.test(account);

/** Sums of a batch. */
class Additions {
  readonly #movements = new Map<string, Movement>();
  readonly #lines = new Map<string, Line>();

  /** The account's sums; it is opened by being asked for. */
  at(ledgerId: string, account: string): Movement {
    const key = `${ledgerId}\0${account}`;
    const known = this.#movements.get(key);
    if (known) return known;
    const movement = { ledgerId, account, debitsPosted: 0n, creditsPosted: 0n, debitsPending: 0n, creditsPending: 0n };
    this.#movements.set(key, movement);
    return movement;
  }

  transfer(ledgerId: string, { kind, debit, credit, amount, pendingAmount = 0n, source = '', maturesAtMs = 0 }: Transfer): void {
    const pending = kind === 'pending' ? amount : -pendingAmount;
    const posted = kind === 'pending' ? 0n : amount;
    const [from, to] = [this.at(ledgerId, debit), this.at(ledgerId, credit)];
    from.debitsPosted += posted;
    from.debitsPending += pending;
    to.creditsPosted += posted;
    to.creditsPending += pending;
    if (posted === 0n) return;
    if (isEarning(debit)) this.#earn(ledgerId, debit, source, -amount, maturesAtMs);
    if (isEarning(credit)) this.#earn(ledgerId, credit, source, amount, maturesAtMs);
  }

  #earn(ledgerId: string, account: string, source: string, units: bigint, heldMs: number): void {
    const key = `${ledgerId}\0${account}\0${source}`;
    const known = this.#lines.get(key);
    if (!known) return void this.#lines.set(key, { ledgerId, account, source, units, entries: 1, heldMs: Math.max(0, heldMs) });
    known.units += units;
    known.entries += 1;
    known.heldMs = Math.max(known.heldMs, heldMs);
  }

  async write(tx: Tx): Promise<void> {
    const moved = [...this.#movements.values()];
    if (moved.length > 0)
      await tx.query(ADD_TO_ACCOUNTS, [
        moved.map(({ ledgerId }) => ledgerId), moved.map(({ account }) => account), moved.map(({ account }) => accountClass(account)), moved.map(({ account }) => accountPayee(account) ?? ''),
        moved.map((each) => String(each.debitsPosted)), moved.map((each) => String(each.creditsPosted)),
        moved.map((each) => String(each.debitsPending)), moved.map((each) => String(each.creditsPending)),
      ]);
    const lines = [...this.#lines.values()];
    if (lines.length > 0)
      await tx.query(ADD_TO_STATEMENTS, [
        lines.map(({ ledgerId }) => ledgerId), lines.map(({ account }) => accountPayee(account) ?? ''), lines.map(({ account }) => accountClass(account)), lines.map(({ source }) => source),
        lines.map(({ units }) => String(units)), lines.map(({ entries }) => entries), lines.map(({ heldMs }) => heldMs),
      ]);
  }
}

async function applyBatch(tx: Tx, events: readonly RecordedEvent[]): Promise<void> {
  const ledgers = new RowChanges('ledger', 'ledger_id');
  const additions = new Additions();
  for (const event of events as readonly Recorded<LedgerEvent>[])
    switch (event.type) {
      case 'skein.billing.ledger.opened.v1': {
        const { ledgerId, kind, subject, asset, scale } = event.data;
        ledgers.insert({ ledger_id: ledgerId, kind, subject, asset, scale });
        break;
      }
      case 'skein.billing.ledger.accounts-opened.v1':
        for (const { id } of event.data.accounts) additions.at(event.streamId, id);
        break;
      case 'skein.billing.ledger.transfers-applied.v1':
        for (const transfer of event.data.transfers) additions.transfer(event.streamId, transfer);
        break;
      default:
        break;
    }
  // Lines are in their ledger's asset.
  await ledgers.flush(tx);
  await additions.write(tx);
}

/** Balances of every account, and what each payee earned from which source. */
export const booksProjection: Projection = {
  name: 'books',
  version: 1,
  tables: TABLES,
  types: ['skein.billing.ledger.opened.v1', 'skein.billing.ledger.accounts-opened.v1', 'skein.billing.ledger.transfers-applied.v1'],
  ...inBatches(applyBatch),
};
