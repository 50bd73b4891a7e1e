import { ledgerDecider, NO_PAST, type CaptureCredit, type LedgerCommand, type LedgerEvent, type ReserveCredit } from '@skein/billing/domain';
import { fold, unwrap } from '@skein/kernel';

const BPS_OF = [['developer', 4_500], ['data', 2_500], ['parents', 2_000], ['validators', 1_000]] as const;
/** What the customer uses, in turn. */
const MODELS = 20;
/** A demand window later the price is another one. */
const CALLS_PER_PRICE = 200;
const PROVIDERS = 3;
const START_MS = 1_790_000_000_000;

const ledgerOf = (name: string) => ({ ledgerId: `ledger-${name}`, kind: 'customer', subject: `customers/${name}`, asset: 'USD', scale: 9 }) as const;

const termsOf = (call: number) => ({
  modelVersion: `models/m${call % MODELS}/versions/1`, sharesVersion: 1, computeProvider: `eip155:1:0xe${call % PROVIDERS}`, platformBps: 1_000,
  shares: BPS_OF.map(([part, bps]) => ({ class: part, payee: `eip155:1:0x${part}${call % MODELS}`, bps })),
});

/** The `call`-th reservation of a customer. */
export const reserveCall = (name: string, call: number, nowMs = START_MS + call * 1_000): ReserveCredit => ({
  type: 'reserve-credit', customer: `customers/${name}`, reservationId: reservationOf(name, call), keyId: `key-${call % 2}`, amount: 9_000n, priceVersion: priceOf(call),
  unitPriceE15: 1_001_000_000n + BigInt(priceOf(call) % 100), holdMs: 60_000, terms: termsOf(call), past: NO_PAST, nowMs,
});

/** Charges it. */
export const captureCall = (name: string, call: number, nowMs = START_MS + call * 1_000): CaptureCredit => ({
  type: 'capture-credit', reservationId: reservationOf(name, call), units: 1 + (call % 5), computeCostE15: 300_000_000n, holdBackMs: 604_800_000, past: NO_PAST, nowMs,
});

const priceOf = (call: number): number => 1 + Math.floor(call / CALLS_PER_PRICE);

/** As long as a UUID. */
const reservationOf = (name: string, call: number): string => `${name.slice(0, 8).padEnd(8, '0')}-0000-8000-8000-${String(call).padStart(12, '0')}`;

function commandsOf(name: string, call: number): LedgerCommand[] {
  const [bought, reserved] = [`${name}-${call}`, reserveCall(name, call)];
  const buy: LedgerCommand[] = call % 100 === 0 ? [{ type: 'buy-credit', ledger: ledgerOf(name), purchaseId: bought, amount: 10_000_000n, reference: bought, past: NO_PAST, nowMs: reserved.nowMs }] : [];
  const given: LedgerCommand = { type: 'release-credit', reservationId: reserved.reservationId, reason: 'run-failed', past: NO_PAST, nowMs: reserved.nowMs };
  return [...buy, reserved, call % 20 === 19 ? given : captureCall(name, call)];
}

/** The events of a customer's first `calls` calls, in batches that fit one append: a purchase per 100, every twentieth call given up. */
export function* paidCalls(name: string, calls: number, batch: number): Generator<LedgerEvent[]> {
  let state = ledgerDecider.initialState();
  let events: LedgerEvent[] = [];
  for (let call = 0; call < calls; call += 1)
    for (const command of commandsOf(name, call)) {
      const decided = unwrap(ledgerDecider.decide(command, state));
      state = fold(ledgerDecider, decided, state);
      if (events.length + decided.length > batch) {
        yield events;
        events = [];
      }
      events.push(...decided);
    }
  yield events;
}
