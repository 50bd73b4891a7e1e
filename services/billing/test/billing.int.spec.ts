import { EpochRewardedSchema, LockedRewardsDividedSchema, VestingStartedSchema } from '@skein/contracts/arena';
import { ApiKeyCreatedSchema, ApiKeyRevokedSchema } from '@skein/contracts/billing';
import { FederatedTaskApprovedSchema, RoundSettledSchema } from '@skein/contracts/federation';
import { UsageRecordedSchema } from '@skein/contracts/marketplace';
import { ReconciliationPassedSchema } from '@skein/contracts/staking';
import { compareProjection, type EventStore } from '@skein/events';
import { onMessage, startConsumer } from '@skein/messaging';
import { EVENT_STORE } from '@skein/platform';
import { eventually } from '@skein/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { billingProjections } from '../src/billing.service.js';
import type { LedgerEvent } from '../src/domain/ledger/ledger.events.js';
import { firstBrokenLink } from '../src/domain/ledger/hash-chain.policy.js';
import { billingStage, OPERATOR, partner, requestId, session, stranger, walletOf, type BillingStage } from './billing-stage.js';

let stage: BillingStage;
let owner: ReturnType<BillingStage['as']>;
let operator: ReturnType<BillingStage['as']>;
let customer = '';
let keyId = '';
let nextId = 1;
const id = (): string => requestId((nextId += 1));

const terms = {
  modelVersion: 'models/pima/versions/1', sharesVersion: 1, computeProvider: 'eip155:31337:0xee',
  shares: [{ class: 'developer', payee: 'eip155:31337:0xdd', bps: 6250 }, { class: 'data', payee: 'eip155:31337:0xaa', bps: 2500 }, { class: 'validators', payee: 'eip155:31337:0xbb', bps: 1250 }],
};
const reserve = (reservationId: string, unitsMax = '1200') =>
  stage.credit.reserve({ requestId: id(), reservationId, customer, keyId, unitsMax, priceVersion: 1, unitPriceE15: '1001000000', holdMs: 60_000n, terms });
const capture = (reservationId: string) => stage.credit.capture({ requestId: id(), reservationId, customer, units: 1n, computeCostE15: '300000000' });
const rejection = async (work: Promise<unknown>) => work.then(() => undefined, (error: { rejection?: unknown }) => error.rejection);

beforeAll(async () => {
  stage = await billingStage();
  owner = stage.as(await session(partner));
  operator = stage.as(`Bearer ${OPERATOR}`);
});
afterAll(async () => stage?.close());

describe('a customer', () => {
  test('is created once per request, by gRPC and REST alike', async () => {
    const request = { requestId: requestId(1), displayName: 'Diabetes Ltd' };
    const first = await owner.createCustomer(request);
    const again = await owner.createCustomer(request);
    expect(again.customer).toEqual(first.customer);
    customer = first.customer!.name;
    const { status, json } = await stage.rest('GET', `/billing/v1/${customer}`, { headers: { authorization: await session(partner) } });
    expect(status).toBe(200);
    expect(json).toMatchObject({ name: customer, owner: walletOf(partner), displayName: 'Diabetes Ltd' });
  });

  test('of another wallet looks like none', async () => {
    const other = stage.as(await session(stranger));
    const nobody = `customers/${requestId(999)}`;
    const [foreign, absent] = [await rejection(other.getCustomer({ name: customer })), await rejection(other.getCustomer({ name: nobody }))];
    expect(foreign).toEqual(absent);
    expect(foreign).toMatchObject({ code: 'not-found' });
    expect(await rejection(other.buyCredit({ requestId: id(), name: customer, amount: { asset: 'USD', units: '5' }, paymentMethod: 'test-card' }))).toMatchObject({ code: 'not-found' });
    expect(await rejection(other.createApiKey({ requestId: id(), parent: customer, scopes: ['billing.read'] }))).toMatchObject({ code: 'not-found', field: 'parent' });
  });

  test('needs the scope to be managed', async () => {
    const reader = stage.as(await session(partner, ['billing.read']));
    expect(await rejection(reader.createCustomer({ requestId: id(), displayName: 'x' }))).toMatchObject({ code: 'permission-denied', rule: 'scope' });
  });

  test('its name is in no event', async () => {
    const { rows } = await stage.database.appPool.query<{ text: string }>('SELECT string_agg(e::text, chr(10)) AS text FROM es_event e');
    expect(rows[0]!.text).not.toContain('Diabetes Ltd');
  });
});

describe('credit', () => {
  test('is bought through the payment adapter, once per request', async () => {
    const request = { requestId: id(), name: customer, amount: { asset: 'USD', units: '10000' }, paymentMethod: 'test-card' };
    const bought = await owner.buyCredit(request);
    expect(await owner.buyCredit(request)).toEqual(bought);
    expect(bought.balance?.available?.units).toBe('10000');
    expect(bought.paymentReference).toMatch(/^test-/);
  });

  test.each([
    [{ amount: { asset: 'USD', units: '5' }, paymentMethod: 'test-card-declined' }, { code: 'payment-required', rule: 'payment-declined', field: 'payment_method' }],
    [{ amount: { asset: 'USD', units: '5' }, paymentMethod: 'cash' }, { code: 'invalid-argument', rule: 'known-payment-method', field: 'payment_method' }],
    [{ amount: { asset: 'EUR', units: '5' }, paymentMethod: 'test-card' }, { code: 'invalid-argument', rule: 'asset', field: 'amount.asset' }],
    [{ amount: { asset: 'USD', units: '0' }, paymentMethod: 'test-card' }, { code: 'invalid-argument', rule: 'positive', field: 'amount' }],
    [{ amount: { asset: 'USD', units: '-5' }, paymentMethod: 'test-card' }, { code: 'invalid-argument', field: 'amount.units' }],
  ])('%o is refused and changes nothing', async (request, expected) => {
    expect(await rejection(owner.buyCredit({ requestId: id(), name: customer, ...request }))).toMatchObject(expected);
    expect((await owner.getBalance({ name: `${customer}/balance` })).available?.units).toBe('10000');
  });
});

describe('an API key', () => {
  test('shows its secret to the request that made it, also when that is repeated, and stores only its hash', async () => {
    const request = { requestId: id(), parent: customer, scopes: ['marketplace.infer', 'billing.read'], spendCapUnits: '' };
    const made = await owner.createApiKey(request);
    expect((await owner.createApiKey(request)).key).toBe(made.key);
    expect(made.key).toMatch(/^sk_[0-9a-f]{16}_[0-9a-f]{64}$/);
    keyId = made.apiKey!.name.split('/').at(-1)!;
    const secret = made.key.split('_')[2]!;
    for (const table of ['es_event', 'es_idempotency']) {
      const { rows } = await stage.database.appPool.query<{ text: string }>(`SELECT string_agg(t::text, chr(10)) AS text FROM ${table} t`);
      expect(rows[0]!.text).not.toContain(secret);
    }
    const holder = stage.as(`Bearer ${made.key}`);
    await eventually(async () => expect((await holder.getBalance({ name: `${customer}/balance` })).available?.units).toBe('10000'));
    expect(await rejection(stage.as(`Bearer ${made.key.slice(0, -1)}${made.key.endsWith('0') ? '1' : '0'}`).getBalance({ name: `${customer}/balance` }))).toMatchObject({ code: 'unauthenticated' });
  });

  test('is revoked, and published so that every service can check it', async () => {
    const made = await owner.createApiKey({ requestId: id(), parent: customer, scopes: ['billing.read'] });
    await owner.revokeApiKey({ requestId: id(), name: made.apiKey!.name });
    await eventually(async () => expect(await rejection(stage.as(`Bearer ${made.key}`).getBalance({ name: `${customer}/balance` }))).toMatchObject({ code: 'unauthenticated' }));
    const seen: string[] = [];
    const topic = 'billing.entitlement.v1';
    const consumer = await startConsumer({
      log: stage.log, pool: stage.database.appPool, group: 'watch', policy: 'park',
      handlers: [
        onMessage({ topic, type: 'skein.billing.customer.api-key-created.v1', schema: ApiKeyCreatedSchema, handle: async ({ prefix, secretSha256 }) => seen.push(`created ${prefix} ${secretSha256.length}`) }),
        onMessage({ topic, type: 'skein.billing.customer.api-key-revoked.v1', schema: ApiKeyRevokedSchema, handle: async ({ prefix }) => seen.push(`revoked ${prefix}`) }),
      ],
    });
    await eventually(() => expect(seen).toContain(`revoked ${made.apiKey!.prefix}`));
    expect(seen).toContain(`created ${made.apiKey!.prefix} 64`);
    await consumer.stop();
  });
});

describe('a call', () => {
  test('is reserved, captured and split as in the golden example; repeated it is charged once', async () => {
    const reservationId = requestId(501);
    expect((await reserve(reservationId)).availableUnits).toBe('8800');
    expect((await reserve(reservationId)).availableUnits).toBe('8800');
    expect((await capture(reservationId)).grossUnits).toBe('1001');
    expect((await capture(reservationId)).grossUnits).toBe('1001');
    expect(await owner.getBalance({ name: `${customer}/balance` })).toMatchObject({ available: { units: '8999' }, reserved: { units: '0' }, spent: { units: '1001' } });
    const charges = await eventually(async () => {
      const listed = await owner.listCharges({ parent: customer });
      expect(listed.charges).toHaveLength(1);
      return listed.charges;
    });
    expect(charges[0]).toMatchObject({ reservationId, gross: '1001', compute: '300', platform: '70', contributors: '631', priceVersion: 1 });
  });

  test('without credit is refused with the missing amount', async () => {
    expect(await rejection(reserve(requestId(502), '9000'))).toMatchObject({ code: 'payment-required', rule: 'insufficient-credit', message: expect.stringContaining('missing: 1 base units') });
  });

  test('with a revoked or foreign key is refused', async () => {
    const request = { requestId: id(), reservationId: requestId(503), customer, keyId: requestId(9), unitsMax: '1200', priceVersion: 1, unitPriceE15: '1', holdMs: 60_000n, terms };
    expect(await rejection(stage.credit.reserve(request))).toMatchObject({ code: 'permission-denied', rule: 'api-key' });
  });

  test('that did not run is voided, and its credit is free again', async () => {
    await reserve(requestId(504));
    await stage.credit.void({ requestId: id(), reservationId: requestId(504), customer, reason: 'run-failed' });
    expect((await owner.getBalance({ name: `${customer}/balance` })).available?.units).toBe('8999');
    expect(await rejection(capture(requestId(504)))).toMatchObject({ rule: 'reservation-voided' });
  });

  test('whose capture never came is charged by its usage event, once', async () => {
    const reservationId = requestId(505);
    await reserve(reservationId);
    const usage = { reservationId, customer, modelVersion: terms.modelVersion, priceVersion: 1, unitPriceE15: '1001000000', units: 1n, computeCostE15: '300000000', ranAtMs: 1n };
    for (const version of [1, 2]) await stage.publish({ topic: 'marketplace.usage.v1', type: 'skein.marketplace.call.ran.v1', streamId: 'call-1', version, schema: UsageRecordedSchema, message: usage });
    await eventually(async () => expect((await owner.getBalance({ name: `${customer}/balance` })).spent?.units).toBe('2002'));
    expect((await capture(reservationId)).grossUnits).toBe('1001');
  });

  test('never overdraws, however many are reserved at once', async () => {
    const tries = await Promise.all(Array.from({ length: 12 }, (_, index) => rejection(reserve(requestId(600 + index)))));
    expect(tries.filter((each) => each === undefined)).toHaveLength(6);
    expect((await owner.getBalance({ name: `${customer}/balance` })).available?.units).toBe('798');
  });
});

describe('rewards', () => {
  const task = 'tasks/018f0000-0000-7000-8000-00000000aaaa';
  const federated = 'federatedTasks/018f0000-0000-7000-8000-00000000bbbb';
  const [node, validator] = [walletOf(partner), walletOf(stranger)];
  const statement = async (payee: string) => (await operator.getStatement({ payee })).statements.find(({ asset }) => asset === 'FLOCK');
  const stakeBlock = { number: 40n, hash: '0x40' };

  /** The staking indexer: up to this block nothing differs, which holds for a day from now. */
  const reconciled = (number: bigint): Promise<void> =>
    stage.publish({
      topic: 'staking.reconciliation.v1', streamId: 'reconciliation-31337', version: Number(number), type: 'skein.staking.reconciliation.passed.v1', schema: ReconciliationPassedSchema,
      message: { chain: 'eip155:31337', version: number, logSinceMs: 1n, asOf: { ...stakeBlock, number }, checkedAtMs: 10n ** 15n, holdsForMs: 86_400_000n },
    });

  test('of an epoch, of the final ranking and of its vesting stand in the statements', async () => {
    const topic = 'arena.reward.v1';
    const at = { topic, streamId: 'task-1' };
    const reward = { wallet: node, role: 'node', paidUnits: '100', poolPaidUnits: '0' };
    await reconciled(stakeBlock.number);
    await stage.publish({
      ...at, version: 1, type: 'skein.arena.epoch.rewarded.v1', schema: EpochRewardedSchema,
      message: { task, epoch: 1, mintedUnits: '1500', carriedInUnits: '0', lockedUnits: '900', carriedOutUnits: '0', rewards: [reward, { wallet: validator, role: 'validator', paidUnits: '500', poolPaidUnits: '0' }], stakeBlock },
    });
    const locked = [{ wallet: node, rank: 1, lockedUnits: '900', poolLockedUnits: '0' }];
    await stage.publish({ ...at, version: 2, type: 'skein.arena.locked-rewards.divided.v1', schema: LockedRewardsDividedSchema, message: { task, asset: 'FLOCK', lockedUnits: '900', carriedUnits: '0', rewards: locked } });
    await stage.publish({ ...at, version: 3, type: 'skein.arena.vesting.started.v1', schema: VestingStartedSchema, message: { task, startMs: 0n, durationMs: 5n, rewards: locked, asset: 'FLOCK' } });
    await eventually(async () => expect(await statement(node)).toMatchObject({ total: '1000', lines: [{ account: 'payable.node', source: task, units: '1000' }] }));
    expect(await statement(validator)).toMatchObject({ total: '500' });
    const own = stage.as(await session(stranger));
    expect((await own.getStatement({ payee: validator })).statements).toHaveLength(1);
    expect(await rejection(own.getStatement({ payee: node }))).toMatchObject({ code: 'not-found', field: 'payee' });
  });

  test('of a federated round leave the pool as the round says', async () => {
    const at = { topic: 'federation.round.v1', streamId: 'federation-1' };
    await stage.publish({ ...at, version: 1, type: 'skein.federation.task.approved.v1', schema: FederatedTaskApprovedSchema, message: { task: federated, poolUnits: '10000' } });
    const round = { task: federated, round: 1, outcome: 'accepted', slashes: [{ node: stranger.address, units: '100', reason: 'late' }], payments: [{ node: walletOf(partner), units: '1009' }] };
    await stage.publish({ ...at, version: 2, type: 'skein.federation.round.settled.v1', schema: RoundSettledSchema, message: { ...round, caller: node, callerUnits: '10', poolLeftUnits: '9081' } });
    await eventually(async () => expect((await statement(node))?.lines.map(({ account, units }) => [account, units])).toEqual([['payable.caller', '10'], ['payable.federation', '1009'], ['payable.node', '1000']]));
  });

  test('that do not add up stop the consumer instead of being skipped', async () => {
    const at = { topic: 'federation.round.v1', streamId: 'federation-1', type: 'skein.federation.round.settled.v1', schema: RoundSettledSchema };
    await stage.publish({ ...at, version: 3, message: { task: federated, round: 2, outcome: 'accepted', callerUnits: '0', poolLeftUnits: '1' } });
    const health = (what: string): Promise<Response> => fetch(`http://127.0.0.1:${stage.service.http.port}/health/${what}`);
    await eventually(async () => expect(await (await health('ready')).json()).toMatchObject({ ready: false, waiting: [expect.stringMatching(/^consumer-billing\..*: halted$/)] }));
    expect((await health('live')).status).toBe(200);
  });
});

describe('the books', () => {
  test('balance to zero over every ledger', async () => {
    const balance = await operator.getTrialBalance({});
    expect(balance).toMatchObject({ difference: '0', ledgers: 3n });
    expect(balance.lines.find(({ asset, account }) => asset === 'USD' && account === 'revenue')?.creditsPosted).toBe('140');
    expect(await rejection(owner.getTrialBalance({}))).toMatchObject({ code: 'permission-denied', rule: 'role' });
  });

  test('rebuilt from the log are equal row by row, and the hash chain of the customer\'s ledger holds', async () => {
    const store = stage.service.get<EventStore>(EVENT_STORE);
    for (const projection of billingProjections) expect(await compareProjection(store, projection)).toMatchObject({ equal: true, differences: [] });
    const events = (await store.readStream(`ledger-${customer.split('/')[1]}`)) as unknown as LedgerEvent[];
    const links = events.flatMap((event) => (event.type === 'skein.billing.ledger.transfers-applied.v1' ? [event.data] : []));
    expect(links.length).toBeGreaterThan(10);
    expect(firstBrokenLink(links)).toBe(-1);
  });

  test('say on /metrics that they balance, and how old the oldest hold is', async () => {
    const text = await (await fetch(`http://127.0.0.1:${stage.service.http.port}/metrics`)).text();
    expect(text).toMatch(/^billing_trial_balance_difference_units(\{.*\})? 0/m);
    expect(text).toMatch(/^workflow_oldest_open_seconds\{.*workflow="hold".*\} \d/m);
  });

  test('are listed per payee', async () => {
    const { statements } = await operator.listStatements({});
    expect(statements.map(({ payee, asset }) => `${payee} ${asset}`)).toContain('eip155:31337:0xdd USD');
    expect(statements.find(({ payee }) => payee === 'eip155:31337:0xdd')?.lines[0]).toMatchObject({ account: 'payable.developer', source: 'models/pima/versions/1', entries: 2n });
  });
});
