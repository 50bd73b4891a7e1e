import { EventStore, eventsMigrations, migrate, rebuildProjection, type Projection } from '@skein/events';
import { ok, type Decider } from '@skein/kernel';
import pg from 'pg';
import { evolveAccount, METADATA, moved, type Account, type Contender, type Moved, type Totals } from './contender.js';

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
};

/** Our store over the app role's pool. `cacheMax` 0 makes every command read its whole stream. */
export async function skeinContender(ownerUrl: string, appUrl: string, poolMax: number, options: { cacheMax?: number } = {}): Promise<Contender & { store: EventStore }> {
  const owner = new pg.Pool({ connectionString: ownerUrl, max: 1 });
  await migrate(owner, [eventsMigrations]);
  await owner.end();
  const pool = new pg.Pool({ connectionString: appUrl, max: poolMax, idleTimeoutMillis: 0 });
  const store = new EventStore({ pool, ...options });
  const number = async (sql: string): Promise<number> => Number((await pool.query<{ count: string }>(sql)).rows[0]?.count ?? 0);
  return {
    name: 'skein',
    store,
    append: async (stream, version, events) => void (await store.append(stream, version, events, METADATA)),
    command: async (stream) => {
      const done = await store.execute({ decider: account, streamId: stream, command: () => stream, metadata: METADATA });
      if (!done.ok) throw new Error(done.error.message);
      return done.value.version - 1;
    },
    settle: async () => void (await store.headPosition()),
    count: () => number('SELECT count(*) FROM es_position'),
    rebuild: async () => {
      await rebuildProjection(store, balances);
      const { rows } = await pool.query<Record<keyof Totals, string>>('SELECT count(*) AS accounts, sum(movements) AS movements, sum(units) AS units FROM bench_balances.balance');
      return { accounts: Number(rows[0]?.accounts), movements: Number(rows[0]?.movements), units: Number(rows[0]?.units) };
    },
    close: async () => {
      await store.close();
      await pool.end();
    },
  };
}
