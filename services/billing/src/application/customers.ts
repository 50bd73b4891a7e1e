import { createHmac } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { EventStore, Executed } from '@skein/events';
import type { IdSource } from '@skein/kernel';
import { unwrap, utf8, uuidV8From } from '@skein/kernel';
import { CONFIG, EVENT_STORE, IDS, notFound, type CallContext, type Identity, type Settings } from '@skein/platform';
import type { IssuedKey } from './api-key-issuing.js';
import { issueKey } from './api-key-issuing.js';
import type { ApiKeyState, CustomerState } from '../domain/customer/customer.decider.js';
import { customerDecider } from '../domain/customer/customer.decider.js';
import type { BillingSettings } from './settings.js';
import { customerStream } from './names.js';

/** Customers and their API keys. */
@Injectable()
export class Customers {
  readonly #store: EventStore;
  readonly #ids: IdSource;
  readonly #issuingSecret: Uint8Array;

  constructor(@Inject(EVENT_STORE) store: EventStore, @Inject(IDS) ids: IdSource, @Inject(CONFIG) settings: Settings) {
    this.#store = store;
    this.#ids = ids;
    const { API_KEY_SECRET: own } = settings.own as BillingSettings;
    this.#issuingSecret = own === undefined ? createHmac('sha256', settings.serviceTokenSecret).update('skein/api-key-issuing/v1').digest() : utf8(own);
  }

  async create(owner: string, call: CallContext): Promise<Executed<{ customerId: string; atMs: number }>> {
    const customerId = this.#ids.uuidV7();
    return unwrap(
      await this.#store.execute({
        decider: customerDecider,
        streamId: customerStream(customerId),
        command: (nowMs) => ({ type: 'create-customer' as const, customerId, owner, nowMs }),
        metadata: call.metadata(),
        key: call.key('create-customer'),
        answer: (state) => ({ customerId: state.customerId, atMs: state.createdAtMs }),
      }),
    );
  }

  /** The answer holds the key's public part; its text comes from the request, so that a retry gets the same one. */
  async createKey(customerId: string, request: { caller: string; requestId: string; scopes: readonly string[]; spendCap: bigint | null }, call: CallContext) {
    const issued: IssuedKey = issueKey(this.#issuingSecret, customerId, request.requestId);
    const keyId = uuidV8From('api-key', customerId, issued.prefix);
    const { caller, scopes, spendCap } = request;
    const executed = unwrap(
      await this.#store.execute({
        decider: customerDecider,
        streamId: customerStream(customerId),
        command: (nowMs) => ({ type: 'create-api-key' as const, caller, keyId, prefix: issued.prefix, secretSha256: issued.secretSha256, scopes, spendCap, nowMs }),
        metadata: call.metadata(),
        key: call.key('create-api-key'),
        answer: (state) => state.keys.get(keyId)!,
      }),
    );
    return { executed, key: issued.key };
  }

  async revokeKey(customerId: string, keyId: string, caller: string, call: CallContext): Promise<Executed<ApiKeyState>> {
    return unwrap(
      await this.#store.execute({
        decider: customerDecider,
        streamId: customerStream(customerId),
        command: (nowMs) => ({ type: 'revoke-api-key' as const, caller, keyId, nowMs }),
        metadata: call.metadata(),
        key: call.key('revoke-api-key'),
        answer: (state) => state.keys.get(keyId)!,
      }),
    );
  }

  /** A customer that the caller may see; anybody else's looks like none. */
  async visible(customerId: string, identity: Identity, field = 'name'): Promise<CustomerState> {
    const state = await this.find(customerId);
    const mine =
      identity.kind === 'operator' ||
      (identity.kind === 'wallet' && identity.wallet === state.owner) ||
      (identity.kind === 'organisation' && identity.organisation === `customers/${customerId}`);
    if (state.owner === '' || !mine) throw notFound(field);
    return state;
  }

  async find(customerId: string): Promise<CustomerState> {
    return (await this.#store.state(customerDecider, customerStream(customerId))).state;
  }
}
