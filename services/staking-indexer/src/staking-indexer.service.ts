import type { Provider } from '@nestjs/common';
import type { Meter } from '@opentelemetry/api';
import type { AddressBook } from '@skein/contracts-evm';
import { file_skein_staking_v1_chain_service, file_skein_staking_v1_outbox, file_skein_staking_v1_service } from '@skein/contracts/staking';
import { file_skein_staking_internal_v1_service } from '@skein/contracts/staking/internal';
import { reactorSink, Subscription, type EventStore } from '@skein/events';
import {
  CONFIG,
  EVENT_STORE,
  METRICS,
  POOL,
  type ServiceContext,
  type ServiceDefinition,
  type Settings,
  type Worker,
} from '@skein/platform';
import type pg from 'pg';
import { ChainFollower } from './application/chain-follower.js';
import type { ChainSource } from './application/chain-source.js';
import type { ChainStatusBoard, Halt } from './application/chain-status.js';
import { FollowChain } from './application/follow-chain.js';
import { PayoutGuard } from './application/payout-guard.js';
import { QuorumSource } from './application/quorum-source.js';
import { Reconciler } from './application/reconciler.js';
import { ADDRESS_BOOK, CHAIN_SOURCE, CHAIN_STATUS, CHAIN_TIMES } from './application/tokens.js';
import { SAID_PER_HOLD } from './domain/reconciliation/reconciliation.decider.js';
import { JsonRpc } from './infrastructure/json-rpc.js';
import { PgChainStatus } from './infrastructure/pg-chain-status.js';
import { RpcChainSource } from './infrastructure/rpc-chain-source.js';
import { ChainApi } from './interface/grpc/chain.api.js';
import { OutboxApi } from './interface/grpc/outbox.api.js';
import { StakingInternalApi } from './interface/grpc/staking-internal.api.js';
import { outboxConsumers, outboxProviders, outboxWorkers } from './outbox.wiring.js';
import { grantsProjection } from './projections/grants.projection.js';
import { outboxProjection } from './projections/outbox.projection.js';
import { stakingProjection } from './projections/staking.projection.js';
import { StakingTotals } from './projections/totals.reader.js';
import { reconciliationPublication } from './publish/reconciliation.publication.js';
import { readModelApis, readModelProviders, readModelPublications, readModelReactors } from './read-models.wiring.js';
import { stakingSettings, type StakingSettings } from './staking.settings.js';

const ownOf = (settings: Settings): StakingSettings => (settings as Settings<StakingSettings>).own;

function chainSource(settings: Settings): ChainSource {
  const { CHAIN_RPC_URL: urls, CHAIN_RPC_QUORUM: quorum, CHAIN_CONTRACTS: book, CHAIN_FINALITY_BLOCKS: finalityBlocks } = ownOf(settings);
  const [first, ...others] = urls.map((url) => new RpcChainSource(new JsonRpc(url), book, finalityBlocks));
  return others.length === 0 ? first! : new QuorumSource([first!, ...others], quorum);
}

/** Reactors by which others hear of what payouts rest on. */
const PAYOUT_TELLERS = ['positions', 'pools'] as const;

function payoutGuard(store: EventStore, source: ChainSource, { chainId }: AddressBook, board: ChainStatusBoard, settings: Settings): PayoutGuard {
  const reader = new StakingTotals(store, chainId, PAYOUT_TELLERS);
  const halted = async (): Promise<Halt | undefined> => (await board.read(chainId))?.halted;
  return new PayoutGuard({ chainId, store, source, reader, halted, holdsForMs: ownOf(settings).CHAIN_RECONCILED_FOR_MS });
}

const providers: Provider[] = [
  { provide: ADDRESS_BOOK, useFactory: (settings: Settings) => ownOf(settings).CHAIN_CONTRACTS, inject: [CONFIG] },
  { provide: CHAIN_SOURCE, useFactory: chainSource, inject: [CONFIG] },
  { provide: CHAIN_STATUS, useFactory: (pool: pg.Pool) => new PgChainStatus(pool), inject: [POOL] },
  { provide: PayoutGuard, useFactory: payoutGuard, inject: [EVENT_STORE, CHAIN_SOURCE, ADDRESS_BOOK, CHAIN_STATUS, CONFIG] },
  ...readModelProviders,
  ...outboxProviders,
];

function workers(context: ServiceContext): Worker[] {
  const store = context.get<EventStore>(EVENT_STORE);
  const book = context.get<AddressBook>(ADDRESS_BOOK);
  const meter = context.get<Meter>(METRICS);
  const source = context.get<ChainSource>(CHAIN_SOURCE);
  const board = context.get<ChainStatusBoard>(CHAIN_STATUS);
  const onError = (error: unknown, where: string): void => context.logger.error({ err: error, where }, 'background work failed, it goes on');
  const { chainId } = book;
  const follow = new FollowChain(store, source, { chainId, fromBlock: Number(book.fromBlock), quietLooks: 9 });
  const { CHAIN_POLL_MS: pollMs, CHAIN_RECONCILE_MS: everyMs, CHAIN_RECONCILED_FOR_MS: holdsForMs } = ownOf(context.settings);
  const reconciler = new Reconciler({ chainId, guard: context.get(PayoutGuard), meter, log: context.logger, everyMs, againMs: holdsForMs / SAID_PER_HOLD });
  return [
    new ChainFollower({ chainId, follow, board, meter, log: context.logger, pollMs, onStep: (step) => reconciler.see(step) }),
    reconciler,
    ...readModelReactors(store, context.get(CHAIN_TIMES)).map((reactor) => new Subscription({ store, sink: reactorSink(reactor), onError })),
    ...outboxWorkers(context),
  ];
}

/** The staking indexer: follows the chain, keeps positions, publishes them. */
export const stakingIndexerService: ServiceDefinition = {
  name: 'staking-indexer',
  contexts: [file_skein_staking_v1_service, file_skein_staking_v1_chain_service, file_skein_staking_v1_outbox, file_skein_staking_internal_v1_service],
  migrations: [new URL('../src/migrations/', import.meta.url)],
  config: stakingSettings,
  providers,
  apis: [...readModelApis, ChainApi, OutboxApi, StakingInternalApi],
  projections: [stakingProjection, outboxProjection, grantsProjection],
  publications: [...readModelPublications, reconciliationPublication],
  consumers: outboxConsumers,
  workers,
};
