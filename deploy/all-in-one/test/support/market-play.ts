import { BillingService } from '@skein/contracts/billing';
import { MarketplaceService } from '@skein/contracts/marketplace';
import { eventually } from '@skein/testing';
import type { Actor } from '../../../../scripts/src/demo/actor.js';

const WAIT = { timeoutMs: 40_000, everyMs: 50 };
const PRICE_RULE = { floorE15: '1000000000000', rateE15: '100000000', callsTarget: 50n, windowMs: 60_000n };

/** Registers the winner of an arena task as `models/<slug>` and serves it; returns the version's name. */
export async function listModel(owner: Actor, slug: string, arenaTask: string): Promise<string> {
  const market = owner.client(MarketplaceService, 'marketplace');
  const lineage = { arenaTask, federatedTask: '', parents: [] };
  const { version } = await eventually(() => market.registerVersion({ requestId: owner.requestId(`register ${slug}`), model: `models/${slug}`, lineage, licence: 'Apache-2.0', intendedUse: 'A test.' }), WAIT);
  const name = version?.name ?? '';
  await deploy(owner, name, 'first');
  return name;
}

/** Deploys a version (again). */
export const deploy = (owner: Actor, version: string, label: string) =>
  owner.client(MarketplaceService, 'marketplace').deploy({ requestId: owner.requestId(`deploy ${version} ${label}`), version, priceRule: PRICE_RULE });

/** Buys credit, in units of 10^-9 USD. */
export const buyCredit = (owner: Actor, customer: string, label: string, units = 10n ** 9n) =>
  owner.client(BillingService, 'billing').buyCredit({ requestId: owner.requestId(`credit ${label}`), name: customer, amount: { asset: 'USD', units: units.toString() }, paymentMethod: 'test-card' });

/** Makes an API key with scopes. */
export async function apiKey(owner: Actor, customer: string, label: string, scopes: readonly string[] = ['marketplace.infer', 'billing.read']): Promise<string> {
  const { key } = await owner.client(BillingService, 'billing').createApiKey({ requestId: owner.requestId(`key ${label}`), parent: customer, scopes: [...scopes], spendCapUnits: '' });
  return key;
}

/** Makes a customer of the wallet; returns `customers/{uuid}`. */
export async function customerOf(owner: Actor, label: string): Promise<string> {
  const { customer } = await owner.client(BillingService, 'billing').createCustomer({ requestId: owner.requestId(`customer ${label}`), displayName: `Clinic ${label}` });
  return customer?.name ?? '';
}

/** One call of a model over REST with two features; other tensors may be given instead. */
export async function infer(frontUrl: string, slug: string, key: string, idempotencyKey: string, input: object = {}): Promise<{ status: number; body: Record<string, unknown> }> {
  const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [2, 1], ...input }];
  const response = await fetch(`${frontUrl}/v2/models/${slug}/infer`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'idempotency-key': idempotencyKey }, body: JSON.stringify({ inputs }) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
