import { file_skein_billing_v1_service } from '@skein/contracts/billing';
import { file_skein_billing_internal_v1_service } from '@skein/contracts/billing/internal';
import { TimerWorker, type EventStore, type Projection, type ReportError } from '@skein/events';
import { API_KEYS, EVENT_STORE, METRICS, PayoutFreeze, payoutFreezeHandlers, POOL, type ServiceContext, type ServiceDefinition, type Worker } from '@skein/platform';
import type { ServiceMetrics } from '@skein/telemetry';
import type pg from 'pg';
import { Bookings } from './application/bookings.js';
import { Credit, HOLD_EXPIRY, type HoldExpiry } from './application/credit.js';
import { Customers } from './application/customers.js';
import { LEDGER_HISTORY } from './application/ledger-history.port.js';
import { PAYMENTS } from './application/payment.port.js';
import { billingConfig } from './application/settings.js';
import { bookVested, VESTED } from './application/vesting.js';
import { QUERIES, trialDifference, type BillingQueries } from './application/views.js';
import { CustomerNames } from './infrastructure/customer-names.js';
import { SqlApiKeys } from './infrastructure/api-keys.js';
import { SqlLedgerHistory } from './infrastructure/sql-ledger-history.js';
import { TestPayments } from './infrastructure/test-payment.adapter.js';
import { rewardHandlers } from './interface/events/rewards.consumer.js';
import { usageHandlers } from './interface/events/usage.consumer.js';
import { BillingApi } from './interface/grpc/billing.api.js';
import { CreditApi } from './interface/grpc/credit.api.js';
import { StatementsApi } from './interface/grpc/statements.api.js';
import { apiKeysProjection } from './projections/api-keys.projection.js';
import { booksProjection } from './projections/books.projection.js';
import { chargesProjection } from './projections/charges.projection.js';
import { SqlBillingQueries } from './projections/queries.js';
import { entitlementPublication } from './publish/entitlement.publication.js';
import { ledgerPublication } from './publish/ledger.publication.js';

/** Every read model of billing. */
export const billingProjections: readonly Projection[] = [booksProjection, chargesProjection, apiKeysProjection];

const named = (name: string, part: { start(): Promise<void>; stop(): Promise<void> }): Worker => ({ name, start: () => part.start(), stop: () => part.stop() });

/** A hold whose time has come; one that was captured or voided meanwhile is nothing to do. */
async function expireHold(credit: Credit, payload: HoldExpiry): Promise<void> {
  const metadata = { correlationId: payload.reservationId, actor: 'service:billing' };
  await credit.release(payload.customerId, payload.reservationId, 'expired', metadata);
}

/** Whether the books balance, for whoever is on call. */
function balanceGauge(context: ServiceContext): Worker {
  const description = 'Sum over assets of |debits - credits|; anything but 0 is an alert';
  const gauge = context.get<ServiceMetrics['meter']>(METRICS).createObservableGauge('billing_trial_balance_difference_units', { unit: '{unit}', description });
  const queries = context.get<BillingQueries>(QUERIES);
  const observe: Parameters<typeof gauge.addCallback>[0] = async (result) => result.observe(Number(trialDifference((await queries.trialBalance()).rows)));
  return { name: 'billing-balance', start: () => gauge.addCallback(observe), stop: async () => gauge.removeCallback(observe) };
}

function workers(context: ServiceContext): Worker[] {
  const store = context.get<EventStore>(EVENT_STORE);
  const credit = context.get(Credit);
  const bookings = context.get(Bookings);
  const onError: ReportError = (error, where) => context.logger.error({ err: error, where }, 'background work failed, it goes on');
  const timers = new TimerWorker({
    pool: store.pool,
    handlers: { [HOLD_EXPIRY]: (timer) => expireHold(credit, timer.payload as HoldExpiry), [VESTED]: (timer) => bookVested(bookings, timer) },
    onError,
  });
  return [named('billing-timers', timers), balanceGauge(context)];
}

/** Customers, API keys, the ledger, splits and statements. */
export const billingService: ServiceDefinition = {
  name: 'billing',
  contexts: [file_skein_billing_v1_service, file_skein_billing_internal_v1_service],
  migrations: [new URL('../src/migrations/', import.meta.url)],
  config: billingConfig,
  providers: [
    { provide: PAYMENTS, useClass: TestPayments },
    { provide: QUERIES, useClass: SqlBillingQueries },
    { provide: API_KEYS, useClass: SqlApiKeys },
    { provide: LEDGER_HISTORY, useClass: SqlLedgerHistory },
    { provide: PayoutFreeze, useFactory: (pool: pg.Pool) => new PayoutFreeze(pool), inject: [POOL] },
    CustomerNames,
    Customers,
    Credit,
    Bookings,
  ],
  apis: [BillingApi, StatementsApi, CreditApi],
  projections: billingProjections,
  publications: [entitlementPublication, ledgerPublication],
  // Money consumers stop before a message that they cannot book; they never skip one.
  consumers: (context) => [
    { group: 'billing.rewards', handlers: rewardHandlers(context.get(Bookings)), policy: 'stop' },
    { group: 'billing.reconciliation', handlers: payoutFreezeHandlers(context.get(PayoutFreeze)), policy: 'stop' },
    { group: 'billing.usage', handlers: usageHandlers(context.get(Credit)), policy: 'stop' },
  ],
  workflows: (context) => [{ name: 'hold', open: (limit) => context.get<BillingQueries>(QUERIES).openHolds(limit) }],
  workers,
};
