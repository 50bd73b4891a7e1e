import { spawn, type ChildProcess } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { EventStore } from '@skein/events';
import { upcasterChain } from '@skein/kernel';
import { eventLogMigrations } from '@skein/messaging';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mainOf } from '../src/cluster-process.js';

const TYPE = 'skein.billing.customer.opened.v1';
const STREAM = 'customer-0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b';
let own: TestDatabase;
const started: ChildProcess[] = [];
let log: TestDatabase;
beforeAll(async () => {
  [own, log] = await Promise.all([freshDatabase(), freshDatabase(eventLogMigrations)]);
});
afterAll(() => {
  // What does not end by itself must not outlive the test.
  for (const child of started) child.kill('SIGKILL');
  return Promise.all([own.drop(), log.drop()]);
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** The service as it is built, in a process of its own, until it ends. */
async function billing(role: string): Promise<Ended> {
  const env = {
    PATH: process.env['PATH'], DATABASE_URL: own.appUrl, MIGRATION_DATABASE_URL: own.ownerUrl, EVENT_LOG_URL: log.appUrl, SERVICE_TOKEN_SECRET: 'a service token secret of the tests only',
    HTTP_PORT: '0', GRPC_PORT: '0', INTERNAL_GRPC_PORT: '0', SIGN_IN_DOMAIN: 'skein.test',
  };
  const child = spawn(process.execPath, [mainOf('billing'), role], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [code, out, err] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, out, err };
}

/** Every row of every table, in short, and which tables and rights there are. */
async function written({ ownerPool }: TestDatabase): Promise<unknown> {
  const { rows } = await ownerPool.query<{ name: string; rights: string }>(
    `SELECT c.oid::regclass::text AS name, coalesce(c.relacl::text, '') AS rights FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ORDER BY 1`);
  return Promise.all(rows.map(async ({ name, rights }) => {
    const { rows: [content] } = await ownerPool.query<{ md5: string }>(`SELECT md5(coalesce(string_agg(t::text, ' ' ORDER BY t::text), '')) AS md5 FROM ${name} t`);
    return [name, rights, content?.md5];
  }));
}

test('a service whose log holds an event of a newer program ends at its start, names it, and has written nothing', async () => {
  expect(await billing('migrate')).toMatchObject({ code: 0, err: '' });
  const newer = new EventStore({ pool: own.appPool, upcasters: upcasterChain([{ type: TYPE, from: 1, lift: (data) => data }]) });
  await newer.append(STREAM, 'none', [{ type: TYPE, data: {} }], { correlationId: 'c', actor: 'newer program' });
  await newer.headPosition();
  await newer.close();
  const before = [await written(own), await written(log)];
  for (const role of ['api', 'worker', 'all', 'migrate']) {
    const { code, out, err } = await billing(role);
    expect([role, code, err]).toEqual([role, 1, `billing: stream ${STREAM} holds an event ${TYPE} of schema version 2; this program knows versions up to 1\n`]);
    expect(out).not.toMatch(/"(http|grpc)":\d/);
    expect([role, await written(own), await written(log)]).toEqual([role, ...before]);
  }
}, 300_000);
