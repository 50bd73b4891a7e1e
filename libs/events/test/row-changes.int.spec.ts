import { freshDatabase, type TestDatabase } from '@skein/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inTransaction, RowChanges } from '../src/index.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  await db.ownerPool.query('CREATE TABLE item (id text PRIMARY KEY, units numeric NOT NULL, note text NOT NULL DEFAULT $$none$$, at_ms bigint, tags text[])');
});
afterAll(() => db.drop());

type Item = { id: string; units: string; note: string; at_ms: string | null; tags: string[] | null };
type Step = { kind: 'insert'; row: Partial<Item> & { id: string } } | { kind: 'update'; id: string; columns: Partial<Item> } | { kind: 'delete'; id: string } | { kind: 'flush' };

const id = fc.constantFrom('a', 'b', 'c');
const units = fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }).map(String);
const note = fc.string({ unit: 'grapheme', maxLength: 6 }).filter((text) => !text.includes('\0'));
const columns = fc.record({ units, note, at_ms: fc.option(fc.maxSafeInteger().map(String)), tags: fc.option(fc.array(note, { maxLength: 2 })) }, { requiredKeys: [] });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('insert' as const), row: fc.tuple(id, units, columns).map(([key, amount, rest]) => ({ units: amount, ...rest, id: key })) }),
  fc.record({ kind: fc.constant('update' as const), id, columns: columns.filter((set) => Object.keys(set).length > 0) }),
  fc.record({ kind: fc.constant('delete' as const), id }),
  fc.constant({ kind: 'flush' as const }),
);

/** The table by one statement after the other: what a second insert of a row is refused for is left out on both sides. */
function inTurn(rows: Map<string, Item>, one: Step): boolean {
  if (one.kind === 'insert') {
    if (rows.has(one.row.id)) return false;
    rows.set(one.row.id, { units: '0', note: 'none', at_ms: null, tags: null, ...one.row });
  }
  if (one.kind === 'update' && rows.has(one.id)) rows.set(one.id, { ...rows.get(one.id)!, ...one.columns });
  if (one.kind === 'delete') rows.delete(one.id);
  return true;
}

test('changes written together leave the rows that they leave one after the other', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      await db.ownerPool.query('TRUNCATE item');
      const expected = new Map<string, Item>();
      await inTransaction(db.ownerPool, async (tx) => {
        const changes = new RowChanges('item', 'id');
        for (const one of steps) {
          if (!inTurn(expected, one)) continue;
          if (one.kind === 'insert') changes.insert(one.row);
          if (one.kind === 'update') changes.update(one.id, one.columns);
          if (one.kind === 'delete') changes.delete(one.id);
          if (one.kind === 'flush') await changes.flush(tx);
        }
        await changes.flush(tx);
      });
      const { rows } = await db.ownerPool.query<Item>('SELECT * FROM item');
      expect(new Map(rows.map((row) => [row.id, row]))).toEqual(expected);
    }),
    { numRuns: 150 },
  );
});

test('a row that is there already is refused, and half a character becomes what it becomes in any text', async () => {
  const changes = new RowChanges('item', 'id');
  changes.insert({ id: 'half', units: 1, note: '\ud83d' });
  expect(() => changes.insert({ id: 'half', units: 2 })).toThrow('table item has half already');
  await changes.flush(db.ownerPool);
  expect((await db.ownerPool.query(`SELECT note FROM item WHERE id = 'half'`)).rows).toEqual([{ note: '\ufffd' }]);
  changes.insert({ id: 'half', units: 3 });
  await expect(changes.flush(db.ownerPool)).rejects.toMatchObject({ code: '23505' });
});
