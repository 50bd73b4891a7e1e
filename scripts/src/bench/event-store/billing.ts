import { ledgerDecider, NO_PAST, type LedgerCommand, type LedgerEvent } from '@skein/billing/domain';
import { booksProjection, chargesProjection } from '@skein/billing/projections';
import type { EmbeddedPostgres } from '@skein/embedded';
import type { Projection } from '@skein/events';
import { encodePayload, decodePayload, fold, unwrap } from '@skein/kernel';
import { FilledStore } from './filled.js';

const CALLS_PER_LEDGER = 100;
const TERMS = {
  modelVersion: 'models/pima/versions/1', sharesVersion: 1, computeProvider: 'eip155:1:0xe', platformBps: 1_000,
  shares: [{ class: 'developer', payee: 'eip155:1:0xd', bps: 4_500 }, { class: 'data', payee: 'eip155:1:0xa', bps: 2_500 }, { class: 'parents', payee: 'eip155:1:0xb', bps: 2_000 }, { class: 'validators', payee: 'eip155:1:0xc', bps: 1_000 }],
};

/** A customer's ledger: credit bought, then paid calls, every tenth one given up. */
function ledgerLog(name: string): LedgerEvent[] {
  const nowMs = 1_790_000_000_000;
  const calls = Array.from({ length: CALLS_PER_LEDGER }, (_, index): LedgerCommand[] => {
    const reservationId = `${name}-call-${index}`;
    const end: LedgerCommand = index % 10 === 9
      ? { type: 'release-credit', reservationId, reason: 'failed', past: NO_PAST, nowMs }
      : { type: 'capture-credit', reservationId, units: 3, computeCostE15: 300_000_000n, holdBackMs: 0, past: NO_PAST, nowMs };
    return [{ type: 'reserve-credit', customer: `customers/${name}`, reservationId, keyId: 'k', amount: 9_000n, priceVersion: 1, unitPriceE15: 1_001_000_000n, holdMs: 60_000, terms: TERMS, past: NO_PAST, nowMs }, end];
  });
  const ledger = { ledgerId: `ledger-${name}`, kind: 'customer', subject: `customers/${name}`, asset: 'USD', scale: 9 } as const;
  let state = ledgerDecider.initialState();
  return [{ type: 'buy-credit', ledger, purchaseId: `${name}-purchase`, amount: 10_000_000n, reference: 'bench', past: NO_PAST, nowMs } as const, ...calls.flat()].flatMap((command) => {
    const decided = unwrap(ledgerDecider.decide(command, state));
    state = fold(ledgerDecider, decided, state);
    return [...decided];
  });
}

/** The same ledger under other names: deciding on each would take longer than what is measured. */
function renamed(log: readonly LedgerEvent[], from: string, to: string): LedgerEvent[] {
  return decodePayload(JSON.parse(JSON.stringify(encodePayload(log)).replaceAll(from, to))) as LedgerEvent[];
}

/** A store of billing's, filled with so many customers' ledgers. */
export async function filledLedgers(server: EmbeddedPostgres, database: string, ledgers: number, poolMax: number): Promise<FilledStore> {
  const store = await FilledStore.open(server, database, poolMax);
  const log = ledgerLog('customer-0000');
  for (let ledger = 0; ledger < ledgers; ledger += 1) {
    const name = `customer-${String(ledger).padStart(4, '0')}`;
    await store.append(`ledger-${name}`, renamed(log, 'customer-0000', name));
  }
  await store.settle();
  return store;
}

/** The same read model by one event after the other. */
export function oneByOne({ name, version, tables, types, apply }: Projection): Projection {
  return { name, version, tables, ...(types === undefined ? {} : { types }), apply };
}

/** Read models of a real service that have most events: of every paid call half of its ledger's each. */
export const READ_MODELS: readonly Projection[] = [booksProjection, chargesProjection];
