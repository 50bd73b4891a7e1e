import type { Provider } from '@nestjs/common';
import type { Meter } from '@opentelemetry/api';
import type { AddressBook } from '@skein/contracts-evm';
import { reactorSink, Subscription, type EventStore } from '@skein/events';
import { RejectionError, type Clock, type Rejection } from '@skein/kernel';
import { CLOCK, CONFIG, EVENT_STORE, METRICS, POOL, type ConsumerDefinition, type ServiceContext, type Settings, type Worker } from '@skein/platform';
import type pg from 'pg';
import type { Address } from 'viem';
import type { ChainSource } from './application/chain-source.js';
import { Claims } from './application/outbox/claims.js';
import { DecideRoots, rootsReactor } from './application/outbox/decide-roots.js';
import { GrantPools } from './application/outbox/grant-pools.js';
import { OutboxDesk } from './application/outbox/outbox-desk.js';
import { OutboxStore } from './application/outbox/outbox-store.js';
import { OutboxWorker } from './application/outbox/outbox-worker.js';
import type { Signer, TransactionChain } from './application/outbox/ports.js';
import { RunOutbox } from './application/outbox/run-outbox.js';
import { TakeCases } from './application/outbox/take-cases.js';
import { TakeDecisions } from './application/outbox/take-decisions.js';
import { CLAIMS, OUTBOX, OUTBOX_QUERIES, type Outbox } from './application/outbox/tokens.js';
import { PayoutGuard } from './application/payout-guard.js';
import { ADDRESS_BOOK, CHAIN_SOURCE } from './application/tokens.js';
import type { Block } from './domain/outbox/outbox.events.js';
import { RpcTransactionChain } from './infrastructure/outbox-chain.js';
import { QuorumTransactionChain } from './infrastructure/outbox-quorum.js';
import { keyFileSigner } from './infrastructure/signer-key.js';
import { remoteSigner } from './infrastructure/signer-remote.js';
import { caseHandlers } from './interface/events/case-decisions.consumer.js';
import { decisionHandlers } from './interface/events/decisions.consumer.js';
import { roundHandlers } from './interface/events/round-decisions.consumer.js';
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

/** Receipts and state of final blocks decide about money: enough endpoints have to say them. */
function transactionChain({ CHAIN_RPC_URL: urls, CHAIN_RPC_QUORUM: quorum }: StakingSettings, { chainId, fromBlock }: AddressBook, finalised: () => Promise<Block>): TransactionChain {
  const [first, ...others] = urls.map((rpcUrl) => ({ name: new URL(rpcUrl).host, chain: new RpcTransactionChain({ rpcUrl, chainId }, { finalised, fromBlock }) }));
  return others.length === 0 ? first!.chain : new QuorumTransactionChain([first!, ...others], quorum, finalised);
}

/** A freeze is asked for first: while it lasts nothing need be compared. */
const whyNot = (guard: PayoutGuard) => async (): Promise<Rejection | undefined> => {
  const frozen = async (): Promise<Rejection | undefined> => {
    const found = (await guard.state()).frozen;
    return found && { code: 'failed-precondition', rule: 'payouts-frozen', message: `payouts are frozen (${found.rule}): ${found.reason}` };
  };
  const before = await frozen();
  if (before !== undefined) return before;
  const compared = await guard.check();
  return compared.ok ? frozen() : compared.error;
};

function outboxOf(settings: Settings, store: EventStore, book: AddressBook, source: ChainSource, clock: Clock, guard: PayoutGuard): Outbox {
  const own = ownOf(settings);
  const signer = signerOf(own);
  if (signer === undefined) return undefined;
  const { chainId } = book;
  const outbox = new OutboxStore(store, chainId);
  const desk = new OutboxDesk(outbox);
  const chain = transactionChain(own, book, agreed(source));
  const whyNotPay = whyNot(guard);
  const run = new RunOutbox(outbox, {
    chainId,
    whyNotPay,
    contracts: book,
    signer,
    chain,
    clock,
    stuckMs: own.CHAIN_STUCK_SECONDS * 1000,
    feeCap: BigInt(own.CHAIN_FEE_CAP_GWEI) * 1_000_000_000n,
  });
  const mayPay = async (): Promise<boolean> => (await whyNotPay()) === undefined;
  const roots = new DecideRoots({ store, totals: new GrantsQueries(store.pool), chain, domain: book, outbox, desk, mayPay });
  const decisions = new TakeDecisions({ store, desk, book });
  const pools = new GrantPools({ outbox, chain, book, clock, grant: (...grant) => decisions.grant(...grant) });
  return { store: outbox, desk, run, roots, pools, decisions, cases: new TakeCases(outbox, desk) };
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
  const { run, roots, pools, decisions } = outbox;
  const { CHAIN_POLL_MS: pollMs } = ownOf(context.settings);
  const onError = (error: unknown, where: string): void => context.logger.error({ err: error, where }, 'background work failed, it goes on');
  return [
    new OutboxWorker({ run, chores: [() => pools.step(), () => roots.step()], meter: context.get<Meter>(METRICS), log: context.logger, clock: context.get<Clock>(CLOCK), pollMs }),
    new Subscription({ store: context.get<EventStore>(EVENT_STORE), sink: reactorSink(rootsReactor(decisions)), onError }),
  ];
}

/** What a decision says never stops the consumer (`TakeDecisions.orHold`); what nobody can read does, for money follows from it. */
export function outboxConsumers(context: ServiceContext): ConsumerDefinition[] {
  const outbox = context.get<Outbox>(OUTBOX);
  if (outbox === undefined) return [];
  const { decisions, cases } = outbox;
  const handlers = [...decisionHandlers(decisions), ...caseHandlers(decisions, cases), ...roundHandlers(decisions)];
  return [{ group: 'staking-indexer.decisions', handlers, policy: 'stop' }];
}
