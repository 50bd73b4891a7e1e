import { BillingService } from '@skein/contracts/billing';
import { MarketplaceService, type Call, type Price } from '@skein/contracts/marketplace';
import type { Actor } from '../actor.js';
import { inferGrpc, inferRest, type Paid, type Refused } from '../inference.js';
import { persist } from '../persist.js';
import { verify, type Chapter, type Story } from '../story.js';

const MODEL = 'diabetes';
const BURST = 100;
const RETRIED = 10;
const AT_ONCE = 4;
const USD = 10n ** 9n;
/** A tenth of a cent per row, and a little for each compute unit. */
const PRICE_RULE = { floorE15: 10n ** 12n, rateE15: 10n ** 8n, callsTarget: 10n, windowMs: 4_000n };
const MILLION = 1_000_000n;

async function list(story: Story): Promise<string> {
  const owner = story.report.arena?.submissions.find(({ rank }) => rank === 1)?.owner;
  const developer = story.cast.trainers.find(({ wallet }) => wallet === owner);
  verify(developer !== undefined, 'the winner lists the model');
  const market = developer.client(MarketplaceService, 'marketplace');
  const lineage = { arenaTask: story.threads.task as string, federatedTask: story.threads.federatedTask as string, parents: [] };
  const version = await persist(async () => (await market.registerVersion({ requestId: developer.requestId('register'), model: `models/${MODEL}`, lineage, licence: 'Apache-2.0', intendedUse: 'A demonstration; not for treating anybody.' })).version);
  verify(version !== undefined && version.artifactSha256 === story.report.federation?.modelSha256, 'the listed bytes are the federated model');
  story.printer.line(`${version.name} is the federated model, listed with its lineage; one row takes ${version.probe?.macs} multiply-accumulates and ${version.probe?.cpuUs} µs`);
  story.printer.table(['class', 'basis points', 'payees'], ['developer', 'data', 'validators', 'parents'].map((name) => {
    const shares = version.shares.filter((share) => share.class === name);
    return [name, String(shares.reduce((sum, { bps }) => sum + bps, 0)), String(shares.length)];
  }));
  await market.deploy({ requestId: developer.requestId('deploy'), version: version.name, priceRule: { ...PRICE_RULE, floorE15: PRICE_RULE.floorE15.toString(), rateE15: PRICE_RULE.rateE15.toString() } });
  return version.name;
}

/** A customer with as much credit as said, and its key. */
async function customerOf(story: Story, label: string, credit: bigint): Promise<{ customer: string; caller: Actor }> {
  const { customer: owner } = story.cast;
  const billing = owner.client(BillingService, 'billing');
  const { customer } = await billing.createCustomer({ requestId: owner.requestId(`customer ${label}`), displayName: `Clinic ${label}` });
  const name = customer?.name as string;
  if (credit > 0n) await billing.buyCredit({ requestId: owner.requestId(`credit ${label}`), name, amount: { asset: 'USD', units: credit.toString() }, paymentMethod: 'test-card' });
  const { key } = await billing.createApiKey({ requestId: owner.requestId(`key ${label}`), parent: name, scopes: ['marketplace.infer', 'billing.read'], spendCapUnits: '' });
  return { customer: name, caller: owner.as(key) };
}

const isPaid = (answer: Paid | Refused): answer is Paid => 'reservationId' in answer;

async function refusals(story: Story, poor: Actor, rich: Actor): Promise<{ refused402: number; refusedMaxPrice: number }> {
  const { test } = story.data;
  const broke = await persist(async () => {
    const answer = await inferRest(poor, MODEL, test, 0, poor.requestId('call without credit'));
    verify(!isPaid(answer) && answer.status !== 401, `the key is not known yet: ${JSON.stringify(answer)}`);
    return answer;
  });
  verify(broke.status === 402, `a call without credit is answered by 402, not ${broke.status}: ${broke.error}`);
  const dear = await persist(async () => {
    const answer = await inferRest(rich, MODEL, test, 0, rich.requestId('call with a low max_price'), { max_price: '1' });
    verify(!isPaid(answer) && answer.status !== 401, `the key is not known yet: ${JSON.stringify(answer)}`);
    return answer;
  });
  verify(dear.error.includes('max-price'), `a call above its max_price is refused by the rule max-price: ${dear.error}`);
  story.printer.line(`without credit: ${broke.status} ${broke.error}`);
  story.printer.line(`with too low a max_price: ${dear.status} ${dear.error}`);
  return { refused402: Number(broke.status === 402), refusedMaxPrice: Number(dear.error.includes('max-price')) };
}

/** Calls side by side, a few at once; every call has its own key. */
async function burst(story: Story, caller: Actor, label: 'REST' | 'gRPC'): Promise<Paid[]> {
  const paid: Paid[] = [];
  const { test } = story.data;
  const one = async (index: number): Promise<void> => {
    const key = caller.requestId(`${label} call ${index}`);
    const call = async (): Promise<Paid> => {
      const answer = label === 'REST' ? await inferRest(caller, MODEL, test, index % test.rows, key) : await inferGrpc(caller, MODEL, test, index % test.rows, key);
      verify(isPaid(answer), `call ${index} was refused: ${JSON.stringify(answer)}`);
      return answer;
    };
    paid[index] = await call();
    if (label === 'gRPC' || index >= RETRIED) return;
    const again = await call();
    verify(again.reservationId === paid[index]?.reservationId && again.chargedUnits === paid[index]?.chargedUnits, 'a retried call is the same call');
  };
  let next = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (next < BURST) await one(next++);
  }));
  return paid;
}

/** The rule, computed again from each version's recorded inputs: m ← m·(1 + (u − u*)/(8·u*)), at most ±1/8 a step, still within 5 %. */
function verifyPrices(prices: readonly Price[]): void {
  const { floorE15, rateE15, callsTarget } = PRICE_RULE;
  let multiplier = MILLION;
  for (const [index, price] of prices.entries()) {
    const off = price.callsUsed - callsTarget;
    const still = 20n * (off < 0n ? -off : off) <= callsTarget;
    const step = off > callsTarget ? callsTarget : off;
    if (index > 0 && !still) multiplier = (multiplier * (8n * callsTarget + step)) / (8n * callsTarget);
    const clamped = multiplier > 16n * MILLION ? 16n * MILLION : multiplier < MILLION / 4n ? MILLION / 4n : multiplier;
    multiplier = clamped;
    verify(price.multiplier === multiplier, `price version ${price.version} has the multiplier ${price.multiplier}, its ${price.callsUsed} calls make ${multiplier}`);
    const unit = floorE15 + (BigInt(price.complexity) * rateE15 * multiplier) / MILLION;
    verify(BigInt(price.unitPriceE15) === unit, `price version ${price.version} is ${price.unitPriceE15}, its inputs make ${unit}`);
  }
}

async function untilPriceMoves(story: Story, from: number): Promise<Price[]> {
  const market = story.cast.customer.client(MarketplaceService, 'marketplace');
  return persist(async () => {
    const { prices } = await market.listPrices({ parent: `models/${MODEL}` });
    verify(prices.length > from, `the price has ${prices.length} versions`);
    return prices;
  });
}

async function callsOf(caller: Actor): Promise<Call[]> {
  const all: Call[] = [];
  for (let pageToken = ''; ; ) {
    const page = await caller.client(MarketplaceService, 'marketplace').listCalls({ pageSize: 200, pageToken });
    all.push(...page.calls);
    if (page.nextPageToken === '') return all;
    pageToken = page.nextPageToken;
  }
}

/** 7. The federated model is listed, deployed and sold: two hundred paid calls, two that are refused before they run. */
export const market: Chapter = {
  number: 7,
  title: 'Market',
  moments: ['listing', 'first burst', 'second burst'],
  async play(story) {
    story.moments.reach(7, 'listing');
    story.threads.modelVersion = await list(story);
    const [rich, poor] = [await customerOf(story, 'with credit', 100n * USD), await customerOf(story, 'without credit', 0n)];
    story.threads.customer = rich.customer;
    const refused = await refusals(story, poor.caller, rich.caller);
    story.moments.reach(7, 'first burst');
    const first = await burst(story, rich.caller, 'REST');
    const moved = await untilPriceMoves(story, 1);
    story.moments.reach(7, 'second burst');
    const second = await burst(story, rich.caller, 'gRPC');
    const prices = await untilPriceMoves(story, moved.length);
    const paid = [...first, ...second];
    verifyPrices(prices);
    verify(prices.some(({ callsUsed }) => callsUsed > PRICE_RULE.callsTarget), 'a burst lies above the target');
    verify(new Set(paid.map(({ reservationId }) => reservationId)).size === 2 * BURST, 'every call has its own reservation');
    const captured = await persist(async () => {
      const calls = (await callsOf(rich.caller)).filter(({ state }) => state === 'captured');
      verify(calls.length === 2 * BURST, `${calls.length} calls are captured`);
      return calls;
    });
    story.report.marketplace = { calls: paid.length, captured: captured.length, ...refused, prices: prices.map(({ unitPriceE15 }) => unitPriceE15) };
    story.printer.line(`${paid.length} paid calls, half over REST and half over gRPC; ${RETRIED} were sent twice and charged once`);
    story.printer.table(['price version', 'USD per row', 'multiplier', 'calls in the window'], prices.map(({ version, unitPriceE15, multiplier, callsUsed }) => [String(version), (Number(unitPriceE15) / 1e15).toFixed(6), (Number(multiplier) / 1e6).toFixed(4), String(callsUsed)]));
  },
};
