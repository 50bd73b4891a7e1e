import type { Provider } from '@nestjs/common';
import type { Meter } from '@opentelemetry/api';
import type { AddressBook } from '@skein/contracts-evm';
import { file_skein_staking_v1_service } from '@skein/contracts/staking';
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
import type { ChainStatusBoard } from './application/chain-status.js';
import { FollowChain } from './application/follow-chain.js';
import { positionsReactor } from './application/positions.reactor.js';
import { ADDRESS_BOOK, CHAIN_SOURCE, CHAIN_STATUS, STAKING_QUERIES } from './application/tokens.js';
import { JsonRpc } from './infrastructure/json-rpc.js';
import { PgChainStatus } from './infrastructure/pg-chain-status.js';
import { RpcChainSource } from './infrastructure/rpc-chain-source.js';
import { StakingApi } from './interface/grpc/staking.api.js';
import { stakingProjection } from './projections/staking.projection.js';
import { StakingQueries } from './projections/staking.queries.js';
import { positionsPublication } from './publish/positions.publication.js';
import { stakingSettings, type StakingSettings } from './staking.settings.js';

const ownOf = (settings: Settings): StakingSettings => (settings as Settings<StakingSettings>).own;

function chainSource(settings: Settings): ChainSource {
  const { CHAIN_RPC_URL: rpcUrl, CHAIN_CONTRACTS: book, CHAIN_FINALITY_BLOCKS: finalityBlocks } = ownOf(settings);
  return new RpcChainSource(new JsonRpc(rpcUrl), book, finalityBlocks);
}

const providers: Provider[] = [
  { provide: ADDRESS_BOOK, useFactory: (settings: Settings) => ownOf(settings).CHAIN_CONTRACTS, inject: [CONFIG] },
  { provide: CHAIN_SOURCE, useFactory: chainSource, inject: [CONFIG] },
  { provide: CHAIN_STATUS, useFactory: (pool: pg.Pool) => new PgChainStatus(pool), inject: [POOL] },
  { provide: STAKING_QUERIES, useFactory: (pool: pg.Pool) => new StakingQueries(pool), inject: [POOL] },
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
  const { CHAIN_POLL_MS: pollMs } = ownOf(context.settings);
  return [
    new ChainFollower({ chainId, follow, board, meter, log: context.logger, pollMs }),
    new Subscription({ store, sink: reactorSink(positionsReactor(store)), onError }),
  ];
}

/** The staking indexer: follows the chain, keeps positions, publishes them. */
export const stakingIndexerService: ServiceDefinition = {
  name: 'staking-indexer',
  contexts: [file_skein_staking_v1_service],
  migrations: [new URL('../src/migrations/', import.meta.url)],
  config: stakingSettings,
  providers,
  apis: [StakingApi],
  projections: [stakingProjection],
  publications: [positionsPublication],
  workers,
};
