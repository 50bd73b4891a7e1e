import type { Provider, Type } from '@nestjs/common';
import type { EventStore, Reactor } from '@skein/events';
import type { Publication } from '@skein/messaging';
import { CONFIG, POOL, type Settings } from '@skein/platform';
import type pg from 'pg';
import type { ChainTimes } from './application/chain-times.js';
import { casesReactor, poolsReactor, positionsReactor, sigmasReactor } from './application/positions.reactor.js';
import { QuorumTimes } from './application/quorum-times.js';
import { CHAIN_TIMES, STAKING_QUERIES } from './application/tokens.js';
import { JsonRpc } from './infrastructure/json-rpc.js';
import { RpcChainTimes } from './infrastructure/rpc-chain-times.js';
import { CasesApi } from './interface/grpc/cases.api.js';
import { PoolsApi } from './interface/grpc/pools.api.js';
import { ReadView } from './interface/grpc/read-view.js';
import { RewardsApi } from './interface/grpc/rewards.api.js';
import { SnapshotApi } from './interface/grpc/snapshot.api.js';
import { StakingApi } from './interface/grpc/staking.api.js';
import { WatchApi } from './interface/grpc/watch.api.js';
import { StakingQueries } from './projections/staking.queries.js';
import { casesPublication, poolsPublication, positionsPublication, sigmasPublication } from './publish/positions.publication.js';
import type { StakingSettings } from './staking.settings.js';

function chainTimes(settings: Settings): RpcChainTimes | QuorumTimes {
  const { CHAIN_RPC_URL: urls, CHAIN_RPC_QUORUM: quorum, CHAIN_CONTRACTS: book } = (settings as Settings<StakingSettings>).own;
  const [first, ...others] = urls.map((url) => new RpcChainTimes(new JsonRpc(url), book));
  return others.length === 0 ? first! : new QuorumTimes([first!, ...others], quorum);
}

/** What the read models need, serve and tell. */
export const readModelProviders: readonly Provider[] = [
  { provide: STAKING_QUERIES, useFactory: (pool: pg.Pool) => new StakingQueries(pool), inject: [POOL] },
  { provide: CHAIN_TIMES, useFactory: chainTimes, inject: [CONFIG] },
  ReadView,
];
export const readModelApis: readonly Type[] = [StakingApi, PoolsApi, RewardsApi, CasesApi, WatchApi, SnapshotApi];
export const readModelPublications: readonly Publication[] = [positionsPublication, poolsPublication, sigmasPublication, casesPublication];
export const readModelReactors = (store: EventStore, times: ChainTimes): readonly Reactor[] => [positionsReactor(store, times), poolsReactor(store), sigmasReactor(store), casesReactor(store)];
