import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { PositionChangedSchema } from '@skein/contracts/staking';
import type { EventLog } from '@skein/messaging';
import { CONFIG, EVENT_LOG, POOL, type ServiceName, type Settings } from '@skein/platform';
import { eventually } from '@skein/testing';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../../libs/clients/cli/src/run.js';
import { Actor } from '../../../scripts/src/demo/actor.js';
import { customerOf } from './support/market-play.js';
import { bootSkein, type TestSkein } from './support/skein.js';

let s: TestSkein;
beforeAll(async () => {
  s = await bootSkein('operator');
});
afterAll(() => s?.stop());

interface Said {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the tool as an operator would, against the devnet file of this Skein. */
async function skein(...args: string[]): Promise<Said> {
  let [out, err] = ['', ''];
  const terminal = { write: (text: string) => void (out += text), warn: (text: string) => void (err += text), columns: undefined, wait: () => Promise.resolve(), nowMs: () => 0, uuid: () => randomUUID() };
  const read = (file: string): string | undefined => readFileSync(file, 'utf8');
  const exit = await run([...args, '--devnet', join(s.folder, 'devnet.json')], terminal, { environment: {}, read });
  return { exit, out, err };
}
const json = async <Row = Record<string, unknown>>(...args: string[]): Promise<Row[]> => JSON.parse((await skein(...args, '--json')).out) as Row[];

/** Does something to a service's tables, as their owner. */
async function asOwner(name: ServiceName, sql: string): Promise<void> {
  const pool = new pg.Pool({ connectionString: s.skein.service(name).get<Settings>(CONFIG).migrationDatabaseUrl, max: 1 });
  try {
    await pool.query(sql);
  } finally {
    await pool.end();
  }
}

describe('a message that two consumers cannot handle', () => {
  const wallet = `eip155:31337:0x${'ab'.repeat(20)}`;
  const letters = () => json<{ service: string; id: string; group: string; state: string; reason: string }>('dead-letters', 'list');
  const versions = async (name: ServiceName, table: string) => (await s.skein.service(name).get<pg.Pool>(POOL).query<{ version: string }>(`SELECT version FROM ${table} WHERE wallet = $1`, [wallet])).rows.map(({ version }) => version);

  function position(version: bigint) {
    const value = toBinary(PositionChangedSchema, create(PositionChangedSchema, { wallet, version, stakes: [] }));
    const id = randomUUID();
    const headers = { ce_specversion: '1.0', ce_id: id, ce_type: 'skein.staking.position.changed.v1', ce_source: '/skein/staking/position/v1', ce_subject: `position-${wallet}`, ce_time: new Date(0).toISOString(), 'content-type': 'application/protobuf', ce_streamversion: String(version), ce_position: String(version), ce_correlationid: id };
    return { topic: 'staking.position.v1', key: `position-${wallet}`, id, type: 'skein.staking.position.changed.v1', timeMs: 0, value, headers };
  }

  test('is seen by skein: parked where others may go on, halted where money follows', async () => {
    await asOwner('fl-aggregator', 'ALTER TABLE stake_position RENAME TO stake_position_away');
    await asOwner('arena', 'ALTER TABLE arena_stake_wallet RENAME TO arena_stake_wallet_away');
    await s.skein.service('arena').get<EventLog>(EVENT_LOG).send([position(1n), position(2n)]);
    await eventually(async () => expect(await letters()).toMatchObject([
      { service: 'arena', group: 'arena.stakes', state: 'halted', reason: expect.stringContaining('arena_stake_wallet') },
      { service: 'fl-aggregator', group: 'fl-aggregator.stakes', state: 'failed', reason: expect.stringContaining('stake_position') },
      { service: 'fl-aggregator', group: 'fl-aggregator.stakes', state: 'waits' },
    ]), { timeoutMs: 20_000 });
    const table = await skein('dead-letters', 'list');
    expect([table.exit, table.out.split('\n')[0], table.out]).toEqual([0, expect.stringMatching(/^ID +STATE +GROUP +MESSAGE +KEY +SINCE +REASON$/), expect.stringMatching(/^arena\/h\d+ +halted +arena\.stakes +staking\.position\.v1\/\d+@\d+/m)]);
    expect((await skein('consumers')).out).toMatch(/^arena\.stakes .*halted .*arena_stake_wallet/m);
    const [halt] = await letters();
    expect((await skein('dead-letters', 'show', `arena/${halt!.id}`)).out).toContain(`"wallet":"${wallet}"`);
  });

  test('fails again as long as nothing is mended, and says so by the exit code', async () => {
    const again = await skein('dead-letters', 'redrive', 'fl-aggregator.stakes');
    expect([again.exit, again.err]).toEqual([1, expect.stringContaining('failed again and stays parked')]);
  });

  test('has one effect after the fix', async () => {
    await asOwner('fl-aggregator', 'ALTER TABLE stake_position_away RENAME TO stake_position');
    await asOwner('arena', 'ALTER TABLE arena_stake_wallet_away RENAME TO arena_stake_wallet');
    expect(await skein('dead-letters', 'redrive', 'fl-aggregator.stakes')).toMatchObject({ exit: 0, out: 'fl-aggregator.stakes: 2 done, 0 keys failed again\n' });
    expect(await skein('consumers', 'resume', 'arena.stakes')).toMatchObject({ exit: 0, out: expect.stringContaining('tries again') });
    await eventually(async () => expect(await letters()).toEqual([]), { timeoutMs: 20_000 });
    expect((await skein('dead-letters', 'list')).out).toBe('no dead letters, and nothing has halted\n');
    expect([await versions('arena', 'arena_stake_wallet'), await versions('fl-aggregator', 'stake_position')]).toEqual([['2'], ['2']]);
    const inbox = await s.skein.service('arena').get<pg.Pool>(POOL).query(`SELECT count(*)::int AS times FROM es_inbox WHERE consumer = 'arena.stakes'`);
    expect(inbox.rows).toEqual([{ times: 2 }]);
    expect((await fetch(`${s.devnet.frontUrl}/arena/health/live`)).status).toBe(200);
  });
});

test('projections of all services are listed, and one is rebuilt while everything runs', async () => {
  const readers = await json<{ service: string; name: string; state: string; kind: string; lag: string }>('projections', 'list');
  expect(new Set(readers.map(({ service }) => service)).size).toBe(6);
  expect(readers.filter(({ kind, state }) => kind === 'projection' && state !== 'current')).toEqual([]);
  expect(await skein('projections', 'rebuild', 'books', '--wait')).toMatchObject({ exit: 0, out: expect.stringMatching(/^billing: books has been rebuilt up to \d+\n$/) });
  expect(await skein('projections', 'rebuild', 'nobodys')).toMatchObject({ exit: 1, err: 'skein: no service has a projection nobodys\n' });
});

test('streams are found, shown with their data, and what followed from a thing is traced', async () => {
  const owner = await Actor.create('owner', s.devnet.seed, s.devnet);
  const id = (await customerOf(owner, 'operator')).split('/').at(-1) as string;
  owner.close();
  const rows = await json<{ service: string; streamId: string }>('streams', 'list', '--service', 'billing');
  const stream = rows.find(({ streamId }) => streamId.includes(id))?.streamId as string;
  const shown = await skein('streams', 'show', stream);
  expect([shown.exit, shown.out]).toEqual([0, expect.stringContaining('skein.billing.customer.')]);
  expect(shown.out).not.toContain('Clinic operator');
  expect(await skein('streams', 'show', 'no-such-stream')).toMatchObject({ exit: 1, err: 'skein: no service has a stream no-such-stream\n' });
  const trace = await skein('trace', id);
  expect([trace.exit, trace.out]).toEqual([0, expect.stringMatching(/^ +\+0\.000 s {2}billing +billing\.customer\.\S+ +\S+#1$/m)]);
  expect(await skein('trace', randomUUID())).toMatchObject({ exit: 1, err: expect.stringContaining('no event names') });
});

test('nothing is stuck, topics are as the manifest says', async () => {
  expect(await skein('workflows', '--stuck')).toMatchObject({ exit: 0, out: 'nothing is stuck\n' });
  expect((await skein('jobs', '--state', 'failed')).exit).toBe(0);
  expect(new Set((await json<{ action: string }>('topics', 'plan')).map(({ action }) => action))).toEqual(new Set(['unchanged']));
  expect((await skein('topics', 'apply', '--service', 'billing')).exit).toBe(0);
});

test('a closed service is told about, the others are shown', async () => {
  await s.skein.close('billing');
  const partly = await skein('consumers', '--json');
  expect([partly.exit, JSON.parse(partly.err)]).toEqual([3, { error: expect.objectContaining({ service: 'billing', code: 'unavailable' }) }]);
  expect(JSON.parse(partly.out)).toContainEqual(expect.objectContaining({ service: 'arena', group: 'arena.stakes', state: 'reading' }));
  await s.skein.open('billing');
});

test('a wallet is no operator', async () => {
  const owner = await Actor.create('owner', s.devnet.seed, s.devnet);
  let err = '';
  const terminal = { write: () => undefined, warn: (text: string) => void (err += text), columns: undefined, wait: () => Promise.resolve(), nowMs: () => 0, uuid: () => randomUUID() };
  const token = owner.headers()['authorization']!.replace('Bearer ', '');
  owner.close();
  expect([await run(['jobs', '--url', s.devnet.frontUrl], terminal, { environment: { SKEIN_TOKEN: token }, read: () => undefined }), err]).toEqual([1, 'skein: this needs the token of the operator\n']);
});
