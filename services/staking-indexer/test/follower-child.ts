import { parseAddressBook } from '@skein/contracts-evm';
import { EventStore, projectionSink, reactorSink, Subscription } from '@skein/events';
import pg from 'pg';
import { BlockRange } from '../src/application/block-range.js';
import { FollowChain } from '../src/application/follow-chain.js';
import { positionsReactor } from '../src/application/positions.reactor.js';
import { JsonRpc } from '../src/infrastructure/json-rpc.js';
import { RpcChainSource } from '../src/infrastructure/rpc-chain-source.js';
import { stakingProjection } from '../src/projections/staking.projection.js';

// The indexer's worker without its service around it, for tests that kill it: says each step, ends when all is read and applied.
const [, , databaseUrl, rpcUrl, bookJson] = process.argv;
const book = parseAddressBook(bookJson!);
const pool = new pg.Pool({ connectionString: databaseUrl!, max: 4 });
const store = new EventStore({ pool });
const follow = new FollowChain(store, new RpcChainSource(new JsonRpc(rpcUrl!), book), {
  chainId: book.chainId,
  fromBlock: Number(book.fromBlock),
  range: new BlockRange(1, 4),
});
const timeless = { clock: () => Promise.resolve(undefined), timeOf: () => Promise.resolve(undefined) };
const sinks = [projectionSink(store, stakingProjection), reactorSink(positionsReactor(store, timeless))];
const subscriptions = sinks.map((sink) => new Subscription({ store, sink, batchSize: 8, leaseMs: 1_000 }));
for (const subscription of subscriptions) await subscription.start();

for (;;) {
  const step = await follow.step();
  process.stdout.write(`step ${step.indexed.number} ${step.halted?.rule ?? ''}\n`);
  if (!step.behind) break;
}
for (const subscription of subscriptions) await subscription.catchUp();
process.stdout.write('done\n');
for (const subscription of subscriptions) await subscription.stop();
await store.close();
await pool.end();
