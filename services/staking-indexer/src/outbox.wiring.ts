import type { Provider } from '@nestjs/common';
import type { Meter } from '@opentelemetry/api';
import type { AddressBook } from '@skein/contracts-evm';
import { reactorSink, Subscription, type EventStore } from '@skein/events';
import { RejectionError, type Clock } from '@skein/kernel';
import { CLOCK, CONFIG, EVENT_STORE, METRICS, POOL, type ConsumerDefinition, type ServiceContext, type Settings, type Worker } from '@skein/platform';
import type pg from 'pg';
import type { Address } from 'viem';
import type { ChainSource } from './application/chain-source.js';
import { Claims } from './application/outbox/claims.js';
import { DecideRoots, rootsReactor } from './application/outbox/decide-roots.js';
import { OutboxDesk } from './application/outbox/outbox-desk.js';
import { OutboxStore } from './application/outbox/outbox-store.js';
import { OutboxWorker } from './application/outbox/outbox-worker.js';
import type { Signer } from './application/outbox/ports.js';
import { RunOutbox } from './application/outbox/run-outbox.js';
import { TakeDecisions } from './application/outbox/take-decisions.js';
import { CLAIMS, OUTBOX, OUTBOX_QUERIES, type Outbox } from './application/outbox/tokens.js';
import { PayoutGuard } from './application/payout-guard.js';
import { ADDRESS_BOOK, CHAIN_SOURCE } from './application/tokens.js';
import type { Block } from './domain/outbox/outbox.events.js';
import { RpcTransactionChain } from './infrastructure/outbox-chain.js';
import { keyFileSigner } from './infrastructure/signer-key.js';
import { remoteSigner } from './infrastructure/signer-remote.js';
import { decisionHandlers } from './interface/events/decisions.consumer.js';
import { GrantsQueries } from './projections/grants.queries.js';
import { OutboxQueries } from './projections/outbox.queries.js';
import type { StakingSettings } from './staking.settings.js';

const ownOf = (settings: Settings): StakingSettings => (settings as Settings<StakingSettings>).own;

function signerOf({ CHAIN_SIGNER_KEY_FILE: file, CHAIN_SIGNER_URL: url, CHAIN_SIGNER_ADDRESS: address }: StakingSettings): Signer | undefined {
  if (file !== undefined) return keyFileSigner(file);
  return url === undefined || address === undefined ? undefined : remoteSigner(url, address.toLowerCase() as Address);
}

/** Final is what the indexer calls final: what enough endpoints agree on. */
const agreed = (source: ChainSource) => async (): Promise<Block> => {
  const { finalised: { number, hash }, agreement } = await source.heads();
  if (agreement === undefined || agreement.reached >= agreement.wanted) return { number, hash };
  throw new RejectionError({ code: 'unavailable', rule: 'finality-not-agreed', message: `${agreement.reached} of ${agreement.wanted} endpoints answer: ${agreement.missing}`, retriable: true });
};

function outboxOf(settings: Settings, store: EventStore, book: AddressBook, source: ChainSource, clock: Clock, guard: PayoutGuard): Outbox {
  const own = ownOf(settings);
  const signer = signerOf(own);
  if (signer === undefined) return undefined;
  const { chainId } = book;
  const outbox = new OutboxStore(store, chainId);
  const desk = new OutboxDesk(outbox);
  const chain = new RpcTransactionChain({ rpcUrl: own.CHAIN_RPC_URL[0]!, chainId }, { finalised: agreed(source), fromBlock: book.fromBlock });
  const run = new RunOutbox(outbox, {
    chainId,
    contracts: book,
    signer,
    chain,
    clock,
    stuckMs: own.CHAIN_STUCK_SECONDS * 1000,
    feeCap: BigInt(own.CHAIN_FEE_CAP_GWEI) * 1_000_000_000n,
  });
  const mayPay = async (): Promise<boolean> => (await guard.check()).ok && (await guard.state()).frozen === undefined;
  const roots = new DecideRoots({ store, totals: new GrantsQueries(store.pool), chain, domain: book, desk, mayPay });
  return { store: outbox, desk, run, roots, decisions: new TakeDecisions({ store, desk, book, chain }) };
}

export const outboxProviders: Provider[] = [
  { provide: OUTBOX, useFactory: outboxOf, inject: [CONFIG, EVENT_STORE, ADDRESS_BOOK, CHAIN_SOURCE, CLOCK, PayoutGuard] },
  { provide: OUTBOX_QUERIES, useFactory: (pool: pg.Pool) => new OutboxQueries(pool), inject: [POOL] },
  { provide: CLAIMS, useFactory: (pool: pg.Pool, book: AddressBook) => new Claims(new GrantsQueries(pool), book), inject: [POOL, ADDRESS_BOOK] },
];

/** Nothing where no signer is configured. */
export function outboxWorkers(context: ServiceContext): Worker[] {
  const outbox = context.get<Outbox>(OUTBOX);
  if (outbox === undefined) return [];
  const { run, roots, desk } = outbox;
  const { CHAIN_POLL_MS: pollMs } = ownOf(context.settings);
  const onError = (error: unknown, where: string): void => context.logger.error({ err: error, where }, 'background work failed, it goes on');
  return [
    new OutboxWorker({ run, epochs: () => roots.step(), meter: context.get<Meter>(METRICS), log: context.logger, clock: context.get<Clock>(CLOCK), pollMs }),
    new Subscription({ store: context.get<EventStore>(EVENT_STORE), sink: reactorSink(rootsReactor(desk)), onError }),
  ];
}

/** Money follows from what is decided, so a poisoned message stops the consumer instead of being skipped. */
export function outboxConsumers(context: ServiceContext): ConsumerDefinition[] {
  const outbox = context.get<Outbox>(OUTBOX);
  return outbox === undefined ? [] : [{ group: 'staking-indexer.decisions', handlers: decisionHandlers(outbox.decisions), policy: 'stop' }];
}
