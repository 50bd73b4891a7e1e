/* For who plays the ledger outside of the service: the bench of its read models. */
export type { CaptureCredit, LedgerCommand, ReserveCredit } from './ledger/ledger.commands.js';
export { ledgerDecider } from './ledger/ledger.decider.js';
export type { LedgerEvent } from './ledger/ledger.events.js';
export type { LedgerState } from './ledger/ledger.state.js';
export { NO_PAST } from './ledger/past.js';
