import { EventStore, eventsMigrations, migrate, rebuildProjection, type Projection } from '@skein/events';
import { ok, type Decider } from '@skein/kernel';
import pg from 'pg';
import { evolveAccount, METADATA, moved, type Account, type Contender, type Moved, type Totals } from './contender.js';
import { poolOf } from './server.js';

const account: Decider<Account, string, Moved> = {
  initialState: () => ({ units: 0, movements: 0 }),
  decide: (stream, state) => ok([moved(stream, state.movements)]),
  evolve: evolveAccount,
};

/** Balance per account: one row upserted per event, or the sums of a whole batch in one statement. */
export const balances: Projection = {
  name: 'bench_balances',
  version: 1,
  types: ['skein.bench.account.moved.v1'],
  tables: 'CREATE TABLE balance (account text PRIMARY KEY, units bigint NOT NULL, movements integer NOT NULL)',
  apply: async (tx, recorded) => {
    const { data } = recorded as unknown as Moved;
    await tx.query(
      'INSERT INTO balance VALUES ($1, $2, 1) ON CONFLICT (account) DO UPDATE SET units = balance.units + excluded.units, movements = balance.movements + 1',
      [data.account, data.units],
    );
  },
  applyBatch: async (tx, events) => {
    const sums = new Map<string, { units: number; movements: number }>();
    for (const { data } of events as unknown as readonly Moved[]) {
      const sum = sums.get(data.account) ?? { units: 0, movements: 0 };
      sums.set(data.account, { units: sum.units + data.units, movements: sum.movements + 1 });
    }
    await tx.query(
      `INSERT INTO balance SELECT * FROM unnest($1::text[], $2::bigint[], $3::integer[])
       ON CONFLICT (account) DO UPDATE SET units = balance.units + excluded.units, movements = balance.movements + excluded.movements`,
      [[...sums.keys()], [...sums.values()].map(({ units }) => units), [...sums.values()].map(({ movements }) => movements)],
    );
  },
};

/** The same read model by one statement per event, as most of the services' projections are. */
export const balancesOneByOne: Projection = { name: 'bench_balances_single', version: balances.version, types: ['skein.bench.account.moved.v1'], tables: balances.tables, apply: (tx, event) => balances.apply(tx, event) };

/** With its store at hand. */
export type SkeinContender = Contender & { readonly store: EventStore };

/** Our store over the app role's pool. `cacheMax` 0 makes every command read its whole stream, or what came after its snapshot. */
export async function skeinContender(ownerUrl: string, appUrl: string, poolMax: number, options: { cacheMax?: number; oneByOne?: boolean; snapshotEvery?: number } = {}): Promise<SkeinContender> {
  const owner = new pg.Pool({ connectionString: ownerUrl, max: 1 });
  await migrate(owner, [eventsMigrations]);
  await owner.end();
  const pool = poolOf(appUrl, poolMax);
  const store = new EventStore({ pool, ...(options.cacheMax === undefined ? {} : { cacheMax: options.cacheMax }) });
  const { snapshotEvery: every } = options;
  const decider = every === undefined ? account : { ...account, snapshot: { name: 'bench', version: 1, every, encode: (state: Account): unknown => state, decode: (kept: unknown) => kept as Account } };
  const number = async (sql: string): Promise<number> => Number((await pool.query<{ count: string }>(sql)).rows[0]?.count ?? 0);
  return {
    name: 'skein',
    store,
    append: async (stream, version, events) => void (await store.append(stream, version, events, METADATA)),
    command: async (stream) => {
      const done = await store.execute({ decider, streamId: stream, command: () => stream, metadata: METADATA });
      if (!done.ok) throw new Error(done.error.message);
      return done.value.version - 1;
    },
    settle: async () => void (await store.headPosition()),
    count: () => number('SELECT coalesce(sum(events), 0) AS count FROM es_position'),
    rebuild: async () => {
      const projection = options.oneByOne ? balancesOneByOne : balances;
      await rebuildProjection(store, projection);
      const { rows } = await pool.query<Record<keyof Totals, string>>(`SELECT count(*) AS accounts, sum(movements) AS movements, sum(units) AS units FROM ${projection.name}.balance`);
      return { accounts: Number(rows[0]?.accounts), movements: Number(rows[0]?.movements), units: Number(rows[0]?.units) };
    },
    close: async () => {
      await store.close();
      await pool.end();
    },
  };
}
