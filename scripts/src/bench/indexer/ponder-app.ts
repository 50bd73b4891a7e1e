/*
 * What Ponder runs: the TaskStaking events of the same chain, into the tables that our read model has for them (a stake, what it was after
 * each block, the sums over it).
 */

const config = `import { createConfig } from 'ponder';
import { abi } from './abi';

export default createConfig({
  chains: { devnet: { id: Number(process.env.BENCH_CHAIN_ID), rpc: process.env.BENCH_RPC_URL, pollingInterval: 100 } },
  contracts: { TaskStaking: { chain: 'devnet', abi, address: process.env.BENCH_ADDRESS as '0x', startBlock: Number(process.env.BENCH_FROM_BLOCK) } },
  database: { kind: 'postgres', connectionString: process.env.DATABASE_URL! },
});
`;

const schema = `import { index, onchainTable, primaryKey } from 'ponder';

export const task = onchainTable('task', (t) => ({ task: t.hex().primaryKey(), latestEnd: t.bigint().notNull() }));
export const stake = onchainTable(
  'stake',
  (t) => ({ wallet: t.hex().notNull(), role: t.integer().notNull(), task: t.hex().notNull(), units: t.bigint().notNull(), since: t.bigint().notNull() }),
  (table) => ({ pk: primaryKey({ columns: [table.wallet, table.role, table.task] }), byTask: index().on(table.task) }),
);
export const stakeAt = onchainTable(
  'stake_at',
  (t) => ({ wallet: t.hex().notNull(), role: t.integer().notNull(), task: t.hex().notNull(), units: t.bigint().notNull(), since: t.bigint().notNull() }),
  (table) => ({ pk: primaryKey({ columns: [table.wallet, table.role, table.task, table.since] }) }),
);
export const total = onchainTable('total', (t) => ({ name: t.text().primaryKey(), units: t.bigint().notNull() }));
export const totalAt = onchainTable(
  'total_at',
  (t) => ({ name: t.text().notNull(), since: t.bigint().notNull(), units: t.bigint().notNull() }),
  (table) => ({ pk: primaryKey({ columns: [table.name, table.since] }) }),
);
`;

const handlers = `import { ponder } from 'ponder:registry';
import { stake, stakeAt, task, total, totalAt } from 'ponder:schema';

ponder.on('TaskStaking:TaskOpened', async ({ event, context }) => {
  await context.db.insert(task).values({ task: event.args.task, latestEnd: BigInt(event.args.latestEnd) });
});

ponder.on('TaskStaking:Staked', async ({ event, context }) => {
  const { task, role, wallet, amount, balance } = event.args;
  const since = event.block.number;
  await context.db.insert(stake).values({ wallet, role, task, units: balance, since }).onConflictDoUpdate({ units: balance, since });
  await context.db.insert(stakeAt).values({ wallet, role, task, units: balance, since }).onConflictDoUpdate({ units: balance });
  for (const name of ['staked', \`role-staked \${role}\`, \`task-staked \${task} \${role}\`, \`own \${wallet}\`]) {
    const { units } = await context.db.insert(total).values({ name, units: amount }).onConflictDoUpdate((row) => ({ units: row.units + amount }));
    await context.db.insert(totalAt).values({ name, since, units }).onConflictDoUpdate({ units });
  }
});
`;

const api = `import { Hono } from 'hono';

export default new Hono();
`;

/** Files of the application by path, for a contract's ABI. */
export const ponderFiles = (abi: readonly unknown[]): Readonly<Record<string, string>> => ({
  'ponder.config.ts': config,
  'ponder.schema.ts': schema,
  'src/index.ts': handlers,
  'src/api/index.ts': api,
  'abi.ts': `export const abi = ${JSON.stringify(abi)} as const;\n`,
  'tsconfig.json': JSON.stringify({ compilerOptions: { module: 'ESNext', moduleResolution: 'bundler', target: 'ES2022', strict: true, skipLibCheck: true } }),
});
