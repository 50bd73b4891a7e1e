import { isUuid, RejectionError } from '@skein/kernel';
import { notFound } from '@skein/platform';
import type { LedgerIdentity } from '../domain/ledger/ledger.commands.js';

/** The uuid of `customers/<uuid>`; anything else is a resource that does not exist. */
export function customerIdOf(name: string, field = 'name'): string {
  const id = /^customers\/([^/]+)$/.exec(name)?.[1] ?? '';
  if (!isUuid(id)) throw notFound(field);
  return id;
}

/** Customer and key of `customers/<uuid>/apiKeys/<uuid>`. */
export function apiKeyOf(name: string): { customerId: string; keyId: string } {
  const [, customerId = '', keyId = ''] = /^customers\/([^/]+)\/apiKeys\/([^/]+)$/.exec(name) ?? [];
  if (!isUuid(customerId) || !isUuid(keyId)) throw notFound('name');
  return { customerId, keyId };
}

export const customerStream = (customerId: string): string => `customer-${customerId}`;
export const ledgerStream = (id: string): string => `ledger-${id}`;

/** The ledger of a customer: USD credit with 9 decimals. */
export const customerLedger = (customerId: string): LedgerIdentity => ({
  ledgerId: ledgerStream(customerId),
  kind: 'customer',
  subject: `customers/${customerId}`,
  asset: 'USD',
  scale: 9,
});

/** The ledger of a task's rewards: FLOCK with 18 decimals. */
export function taskLedger(task: string): LedgerIdentity {
  const [collection, id = ''] = task.split('/');
  const kind = collection === 'tasks' ? 'task-rewards' : 'federated-pool';
  if ((collection !== 'tasks' && collection !== 'federatedTasks') || !isUuid(id))
    throw new RejectionError({ code: 'invalid-argument', rule: 'task-name', message: `"${task}" names no task`, field: 'task' });
  return { ledgerId: ledgerStream(id), kind, subject: task, asset: 'FLOCK', scale: 18 };
}
