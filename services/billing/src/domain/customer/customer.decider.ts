import type { Decider, Rejection, Result } from '@skein/kernel';
import { ok, reject } from '@skein/kernel';
import type { CreateApiKey, CreateCustomer, CustomerCommand, RevokeApiKey } from './customer.commands.js';
import type { CustomerEvent } from './customer.events.js';

/** One API key of a customer; `revokedAtMs` 0 while it is valid. */
export interface ApiKeyState {
  readonly keyId: string;
  readonly prefix: string;
  readonly scopes: readonly string[];
  readonly spendCap: bigint | null;
  readonly createdAtMs: number;
  readonly revokedAtMs: number;
}

export interface CustomerState {
  readonly customerId: string;
  /** Empty while there is no such customer. */
  readonly owner: string;
  readonly createdAtMs: number;
  readonly keys: ReadonlyMap<string, ApiKeyState>;
}

/** Scopes that a key can carry. */
export const SCOPES: readonly string[] = ['marketplace.infer', 'billing.read'];

/** Keys that a customer can have at one time, so that keys can overlap while they are rotated. */
export const VALID_KEYS_MAX = 20;

type Decision = Result<readonly CustomerEvent[], Rejection>;

const unknownCustomer = () => reject('not-found', 'customer-unknown', 'no such customer', 'name');

function create(command: CreateCustomer, state: CustomerState): Decision {
  if (state.owner !== '') return reject('already-exists', 'customer-exists', 'this customer exists', 'request_id');
  const { customerId, owner, nowMs } = command;
  return ok([{ type: 'skein.billing.customer.created.v1', data: { customerId, owner, atMs: nowMs } }]);
}

function createKey(command: CreateApiKey, state: CustomerState): Decision {
  if (state.owner === '' || state.owner !== command.caller) return unknownCustomer();
  const { keyId, prefix, secretSha256, scopes, spendCap, nowMs } = command;
  const unknown = scopes.find((scope) => !SCOPES.includes(scope));
  if (unknown !== undefined) return reject('invalid-argument', 'known-scope', `"${unknown}" is no scope; scopes are ${SCOPES.join(', ')}`, 'scopes');
  if (new Set(scopes).size !== scopes.length) return reject('invalid-argument', 'unique', 'each scope is named once', 'scopes');
  if (spendCap !== null && spendCap <= 0n) return reject('invalid-argument', 'positive', 'a spend cap is more than zero', 'spend_cap_units');
  if ([...state.keys.values()].filter(({ revokedAtMs }) => revokedAtMs === 0).length >= VALID_KEYS_MAX)
    return reject('resource-exhausted', 'valid-keys-max', `a customer has at most ${VALID_KEYS_MAX} valid keys; revoke one first`);
  const data = { customerId: state.customerId, keyId, prefix, secretSha256, scopes, spendCap, atMs: nowMs };
  return ok([{ type: 'skein.billing.customer.api-key-created.v1', data }]);
}

function revokeKey(command: RevokeApiKey, state: CustomerState): Decision {
  if (state.owner === '' || state.owner !== command.caller) return unknownCustomer();
  const key = state.keys.get(command.keyId);
  if (!key) return reject('not-found', 'api-key-unknown', 'no such API key', 'name');
  if (key.revokedAtMs !== 0) return ok([]);
  const { customerId } = state;
  return ok([{ type: 'skein.billing.customer.api-key-revoked.v1', data: { customerId, keyId: key.keyId, prefix: key.prefix, atMs: command.nowMs } }]);
}

function decide(command: CustomerCommand, state: CustomerState): Decision {
  switch (command.type) {
    case 'create-customer':
      return create(command, state);
    case 'create-api-key':
      return createKey(command, state);
    case 'revoke-api-key':
      return revokeKey(command, state);
  }
}

function evolve(state: CustomerState, event: CustomerEvent): CustomerState {
  switch (event.type) {
    case 'skein.billing.customer.created.v1':
      return { ...state, customerId: event.data.customerId, owner: event.data.owner, createdAtMs: event.data.atMs };
    case 'skein.billing.customer.api-key-created.v1': {
      const { keyId, prefix, scopes, spendCap, atMs } = event.data;
      return { ...state, keys: new Map(state.keys).set(keyId, { keyId, prefix, scopes, spendCap, createdAtMs: atMs, revokedAtMs: 0 }) };
    }
    case 'skein.billing.customer.api-key-revoked.v1': {
      const key = state.keys.get(event.data.keyId);
      return key ? { ...state, keys: new Map(state.keys).set(key.keyId, { ...key, revokedAtMs: event.data.atMs }) } : state;
    }
  }
}

/** A customer and its API keys. Another's customer is indistinguishable from one that does not exist. */
export const customerDecider: Decider<CustomerState, CustomerCommand, CustomerEvent> = {
  initialState: () => ({ customerId: '', owner: '', createdAtMs: 0, keys: new Map() }),
  decide,
  evolve,
};
