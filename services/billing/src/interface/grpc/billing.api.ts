import type { MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import {
  BillingService, type BuyCreditRequest, type BuyCreditResponseSchema, type CreateApiKeyRequest, type CreateApiKeyResponseSchema, type CreateCustomerRequest,
  type CreateCustomerResponseSchema, type CustomerSchema, type BalanceSchema, type GetBalanceRequest, type GetCustomerRequest, type ListApiKeysRequest,
  type ListApiKeysResponseSchema, type RevokeApiKeyRequest, type RevokeApiKeyResponseSchema,
} from '@skein/contracts/billing';
import type { EventStore } from '@skein/events';
import { RejectionError } from '@skein/kernel';
import { EVENT_STORE, Rpc, type CallContext } from '@skein/platform';
import { Credit, type CreditBalance } from '../../application/credit.js';
import { Customers } from '../../application/customers.js';
import { apiKeyOf, customerIdOf } from '../../application/names.js';
import type { ApiKeyState } from '../../domain/customer/customer.decider.js';
import { CustomerNames } from '../../infrastructure/customer-names.js';
import { receiptOf, usd, walletOf } from './encode.js';

/** Customers, API keys and credit. */
@Injectable()
export class BillingApi {
  readonly #store: EventStore;
  readonly #customers: Customers;
  readonly #credit: Credit;
  readonly #names: CustomerNames;

  constructor(@Inject(EVENT_STORE) store: EventStore, @Inject(Customers) customers: Customers, @Inject(Credit) credit: Credit, @Inject(CustomerNames) names: CustomerNames) {
    this.#store = store;
    this.#customers = customers;
    this.#credit = credit;
    this.#names = names;
  }

  @Rpc(BillingService.method.createCustomer)
  async createCustomer(request: CreateCustomerRequest, call: CallContext): Promise<MessageInitShape<typeof CreateCustomerResponseSchema>> {
    const owner = walletOf(call.identity);
    const executed = await this.#customers.create(owner, call);
    const { customerId, atMs } = executed.answer!;
    // After the event, and again on every retry: a crash in between leaves a customer without a name until its client repeats the call.
    await this.#names.keep(customerId, request.displayName);
    return { customer: { name: `customers/${customerId}`, owner, displayName: request.displayName, createdAtMs: BigInt(atMs) }, receipt: await receiptOf(this.#store, executed) };
  }

  @Rpc(BillingService.method.getCustomer)
  async getCustomer(request: GetCustomerRequest, call: CallContext): Promise<MessageInitShape<typeof CustomerSchema>> {
    const customerId = customerIdOf(request.name);
    const { owner, createdAtMs } = await this.#customers.visible(customerId, call.identity);
    return { name: request.name, owner, displayName: await this.#names.find(customerId), createdAtMs: BigInt(createdAtMs) };
  }

  @Rpc(BillingService.method.buyCredit)
  async buyCredit(request: BuyCreditRequest, call: CallContext): Promise<MessageInitShape<typeof BuyCreditResponseSchema>> {
    const customerId = customerIdOf(request.name);
    await this.#customers.visible(customerId, call.identity);
    const { asset = '', units = '' } = request.amount ?? {};
    if (asset !== 'USD') throw new RejectionError({ code: 'invalid-argument', rule: 'asset', message: 'credit is bought in USD', field: 'amount.asset' });
    const executed = await this.#credit.buy(customerId, BigInt(units), request.paymentMethod, call);
    const { reference, ...balance } = executed.answer!;
    return { balance: balanceMessage(customerId, balance), paymentReference: reference, receipt: await receiptOf(this.#store, executed) };
  }

  @Rpc(BillingService.method.createApiKey)
  async createApiKey(request: CreateApiKeyRequest, call: CallContext): Promise<MessageInitShape<typeof CreateApiKeyResponseSchema>> {
    const customerId = customerIdOf(request.parent, 'parent');
    await this.#customers.visible(customerId, call.identity, 'parent');
    const spendCap = request.spendCapUnits === '' ? null : BigInt(request.spendCapUnits);
    const asked = { caller: walletOf(call.identity), requestId: call.requestId ?? '', scopes: request.scopes, spendCap };
    const { executed, key } = await this.#customers.createKey(customerId, asked, call);
    return { apiKey: keyMessage(customerId, executed.answer!), key, receipt: await receiptOf(this.#store, executed) };
  }

  @Rpc(BillingService.method.revokeApiKey)
  async revokeApiKey(request: RevokeApiKeyRequest, call: CallContext): Promise<MessageInitShape<typeof RevokeApiKeyResponseSchema>> {
    const { customerId, keyId } = apiKeyOf(request.name);
    await this.#customers.visible(customerId, call.identity);
    const executed = await this.#customers.revokeKey(customerId, keyId, walletOf(call.identity), call);
    return { apiKey: keyMessage(customerId, executed.answer!), receipt: await receiptOf(this.#store, executed) };
  }

  @Rpc(BillingService.method.listApiKeys)
  async listApiKeys(request: ListApiKeysRequest, call: CallContext): Promise<MessageInitShape<typeof ListApiKeysResponseSchema>> {
    const customerId = customerIdOf(request.parent, 'parent');
    const { keys } = await this.#customers.visible(customerId, call.identity, 'parent');
    return { apiKeys: [...keys.values()].map((key) => keyMessage(customerId, key)) };
  }

  @Rpc(BillingService.method.getBalance)
  async getBalance(request: GetBalanceRequest, call: CallContext): Promise<MessageInitShape<typeof BalanceSchema>> {
    const customerId = customerIdOf(request.name.replace(/\/balance$/, ''));
    await this.#customers.visible(customerId, call.identity);
    return balanceMessage(customerId, await this.#credit.balance(customerId));
  }
}

const balanceMessage = (customerId: string, balance: CreditBalance): MessageInitShape<typeof BalanceSchema> => ({
  name: `customers/${customerId}/balance`,
  available: usd(balance.available),
  reserved: usd(balance.reserved),
  spent: usd(balance.spent),
  receivable: usd(balance.receivable),
});

const keyMessage = (customerId: string, key: ApiKeyState) => ({
  name: `customers/${customerId}/apiKeys/${key.keyId}`,
  prefix: key.prefix,
  scopes: [...key.scopes],
  spendCapUnits: key.spendCap === null ? '' : String(key.spendCap),
  createdAtMs: BigInt(key.createdAtMs),
  revokedAtMs: BigInt(key.revokedAtMs),
});
