import { expect, test } from 'vitest';
import type { OutboxQueries } from '../../projections/outbox.queries.js';
import { CASE, DELEGATION, POOL } from '../../projections/ledger/tables.js';
import { CasesApi } from './cases.api.js';
import type { ReadView } from './read-view.js';

const DAY = 86_400_000;
const ACCUSED = `eip155:31337:0x${'1'.repeat(40)}`;
const ANN = `eip155:31337:0x${'2'.repeat(40)}`;
const CASE_ID = `0x${'c'.repeat(64)}`;
const row = { case_id: CASE_ID, accused: ACCUSED, task_id: 't', role: 'node', pool: 'p', reporter: null, cap: 5n, own: 9n, counted: 9n, evidence: 'e', status: 'open', opened_at_ms: 0, ended_at_ms: null, from_owner: 0n, from_pool: 0n, to_reporter: 0n };

/** Ann had 10 at the notice, in block 7, and has `now` today. */
function apiAt(finalTimeMs: number, now: bigint): CasesApi {
  const held = (block?: number) => ({ pool: 'p', delegator: ANN, held: block === 7 ? 10n : now });
  const rows = new Map<unknown, object[]>([[CASE, [row]], [DELEGATION, [held()]]]);
  const ledger = {
    rows: async (table: unknown) => rows.get(table) ?? [],
    row: async (table: unknown, _where: object, block?: number) => (table === POOL ? { owner: ACCUSED, principal_index: 10n ** 27n } : held(block)),
    versions: async () => [{ ...row, since: 7 }],
  };
  const view = { seen: async () => 1n, finalTimeMs: async () => finalTimeMs, queries: { ledger } };
  return new CasesApi(view as unknown as ReadView, { contents: async () => new Map() } as unknown as OutboxQueries);
}

const caseAt = async (timeMs: number) => (await apiAt(timeMs, 10n).listCases({ accused: '', pool: '', caseId: '', pageSize: 0, pageToken: '', minPosition: 0n } as never)).cases?.[0];
const noticesAt = async (timeMs: number, now = 10n) => ((await apiAt(timeMs, now).listNotices({ delegator: ANN, minPosition: 0n } as never)).notices ?? []).map(({ status, beforeUnits }) => [status, beforeUnits]);

test('a case that nobody ends is open for 30 days, and then has ended without a slash', async () => {
  expect(await caseAt(30 * DAY - 1)).toMatchObject({ status: 'open', endedAtMs: 0n });
  expect(await caseAt(30 * DAY)).toMatchObject({ status: 'dismissed', endedAtMs: BigInt(30 * DAY) });
});

test('it threatens what a delegator has while it is open; afterwards it tells those who were in the pool at its notice', async () => {
  expect([await noticesAt(DAY), await noticesAt(DAY, 4n), await noticesAt(DAY, 0n)]).toEqual([[['open', '10']], [['open', '4']], []]);
  expect([await noticesAt(31 * DAY), await noticesAt(31 * DAY, 0n)]).toEqual([[['dismissed', '10']], [['dismissed', '10']]]);
});
