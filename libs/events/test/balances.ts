import type { Projection } from '../src/index.js';
import type { AccountEvent } from './account.js';

/** Balance and number of movements per account; the movements themselves in a second table. */
export const balances = (version = 1, factor = 1n): Projection => ({
  name: 'balances',
  version,
  types: ['skein.test.account.deposited.v1', 'skein.test.account.withdrawn.v1'],
  tables: `CREATE TABLE balance (account text PRIMARY KEY, units numeric NOT NULL, movements int NOT NULL);
    CREATE TABLE movement (position bigint PRIMARY KEY, account text NOT NULL, units numeric NOT NULL)`,
  apply: async (tx, recorded) => {
    const event = recorded as unknown as AccountEvent & { streamId: string; position: bigint };
    const units = (event.type === 'skein.test.account.deposited.v1' ? event.data.amount : -event.data.amount) * factor;
    await tx.query('INSERT INTO movement VALUES ($1, $2, $3)', [event.position.toString(), event.streamId, units.toString()]);
    await tx.query(
      'INSERT INTO balance VALUES ($1, $2, 1) ON CONFLICT (account) DO UPDATE SET units = balance.units + excluded.units, movements = balance.movements + 1',
      [event.streamId, units.toString()],
    );
  },
});
