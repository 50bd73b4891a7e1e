import { fold, unwrap } from '@skein/kernel';
import { customerDecider } from '../src/domain/customer/customer.decider.js';
import type { CustomerCommand } from '../src/domain/customer/customer.commands.js';
import type { CustomerEvent } from '../src/domain/customer/customer.events.js';
import type { LedgerCommand } from '../src/domain/ledger/ledger.commands.js';
import type { LedgerEvent } from '../src/domain/ledger/ledger.events.js';
import { buy, capture, LEDGER, play, release, reserve } from '../src/domain/ledger/test-ledger.js';

const overdraw: LedgerCommand = {
  type: 'apply-transfers', ledger: LEDGER, accounts: [], nowMs: 4_000,
  transfers: [{ id: 'manual-1', kind: 'posted', debit: 'credit.available', credit: 'revenue', amount: 9_000_000n, code: 'manual' }],
};
const booking: LedgerCommand = {
  type: 'book-decision', ledger: LEDGER, source: 'message-1', what: 'epoch', amount: 5n, past: undefined, nowMs: 5_000,
  accounts: [{ id: 'emission.minted', guard: 'none' }, { id: 'payable.node/eip155:1:0x1', guard: 'none' }],
  transfers: [{ id: 'message-1/0', kind: 'posted', debit: 'emission.minted', credit: 'payable.node/eip155:1:0x1', amount: 5n, code: 'reward-a', source: 'tasks/t' }],
};

/** A ledger's log in which every event type occurs. */
export const ledgerLog = (): LedgerEvent[] => play(buy(10_000n), reserve('r1', 1_200n), capture('r1'), reserve('r2', 1_200n), release('r2'), overdraw, booking);

/** A customer's log in which every event type occurs. */
export function customerLog(): CustomerEvent[] {
  const commands: CustomerCommand[] = [
    { type: 'create-customer', customerId: 'c', owner: 'eip155:1:0x1', nowMs: 1 },
    { type: 'create-api-key', caller: 'eip155:1:0x1', keyId: 'k', prefix: 'aa', secretSha256: 'ff', scopes: ['marketplace.infer'], spendCap: 7n, nowMs: 2 },
    { type: 'revoke-api-key', caller: 'eip155:1:0x1', keyId: 'k', nowMs: 3 },
  ];
  return commands.reduce<CustomerEvent[]>((log, command) => [...log, ...unwrap(customerDecider.decide(command, fold(customerDecider, log)))], []);
}
