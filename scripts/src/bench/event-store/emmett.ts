import { CommandHandler, type Event } from '@event-driven-io/emmett';
import { getPostgreSQLEventStore, postgreSQLRawSQLProjection, rebuildPostgreSQLProjections } from '@event-driven-io/emmett-postgresql';
import { rawSql, sql } from '@event-driven-io/dumbo';
import { evolveAccount, METADATA, moved, type Account, type Contender, type Moved, type Totals } from './contender.js';
import { poolOf } from './server.js';

type Stored = Event<Moved['type'], Moved['data'], typeof METADATA>;

const withMetadata = (event: Moved): Stored => ({ ...event, metadata: METADATA }) as Stored;

const handle = CommandHandler<Account, Stored>({ initialState: () => ({ units: 0, movements: 0 }), evolve: (state, event) => evolveAccount(state, event) });

const balances = postgreSQLRawSQLProjection<Stored>({
  name: 'bench_balances',
  canHandle: ['skein.bench.account.moved.v1'],
  init: () => rawSql('CREATE TABLE IF NOT EXISTS bench_balance (account text PRIMARY KEY, units bigint NOT NULL, movements integer NOT NULL)'),
  evolve: ({ data }) =>
    sql(
      'INSERT INTO bench_balance VALUES (%L, %s, 1) ON CONFLICT (account) DO UPDATE SET units = bench_balance.units + excluded.units, movements = bench_balance.movements + 1',
      data.account, data.units,
    ),
});

// Its defaults (100 events per page, 50 ms between pages) would make a rebuild wait most of the time, so it gets large pages
// and no wait. It hands a projection one event after the other whatever the page's size, each with its own checkpoint.
const PULLING = { batchSize: 1_000, pullingFrequencyInMs: 0 };

/** Emmett over a pool as its documentation recommends: one for the application, the schema made at start and not looked after again. */
export async function emmettContender(connectionString: string, poolMax: number): Promise<Contender> {
  const pool = poolOf(connectionString, poolMax);
  await getPostgreSQLEventStore(connectionString, { connectionOptions: { pool } }).schema.migrate();
  const store = getPostgreSQLEventStore(connectionString, { connectionOptions: { pool }, schema: { autoMigration: 'None' } });
  return {
    name: 'emmett',
    append: async (stream, version, events) => void (await store.appendToStream(stream, events.map(withMetadata), { expectedStreamVersion: BigInt(version) })),
    command: async (stream) => {
      const { newState } = await handle(store, stream, (state) => withMetadata(moved(stream, state.movements)));
      return newState.movements - 1;
    },
    settle: async () => undefined,
    count: async () => Number((await pool.query<{ count: string }>('SELECT count(*) FROM emt_messages')).rows[0]?.count ?? 0),
    rebuild: async () => {
      await pool.query('DROP TABLE IF EXISTS bench_balance');
      await pool.query('DELETE FROM emt_processors');
      const consumer = rebuildPostgreSQLProjections<Stored>({ connectionString, projections: [balances], pulling: PULLING });
      await consumer.start();
      await consumer.close();
      const { rows } = await pool.query<Record<keyof Totals, string>>('SELECT count(*) AS accounts, sum(movements) AS movements, sum(units) AS units FROM bench_balance');
      return { accounts: Number(rows[0]?.accounts), movements: Number(rows[0]?.movements), units: Number(rows[0]?.units) };
    },
    close: async () => {
      await store.close();
      if (!pool.ended) await pool.end();
    },
  };
}
