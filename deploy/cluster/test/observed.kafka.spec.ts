import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAddressBook } from '@skein/contracts-evm';
import { eventLogFromUrl, loadTopics } from '@skein/messaging';
import type { ServiceName } from '@skein/platform';
import { RunnerPool } from '@skein/runner';
import { compareEdges, edgesOf, eventually, loadTraceEdges, startOtlpSink, type OtlpSink, type RecordedSpan } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closePeople, FILES } from '../../all-in-one/test/support/arena-play.js';
import { dump, filesOf, findings, messagesOf, pairForms, textForms, withPair, type Emitted } from '../../all-in-one/test/support/emitted.js';
import { apiKey, infer } from '../../all-in-one/test/support/market-play.js';
import { playWhole, SALTS, TRACES, type Played } from '../../all-in-one/test/support/whole-play.js';
import type { Devnet } from '../../../scripts/src/process/skein-process.js';
import { Cluster, nameOf } from '../src/index.js';

const WAIT = { timeoutMs: 60_000, everyMs: 100 };
const INSTANCES = { arena: 1, validation: 1, 'fl-aggregator': 1, 'staking-indexer': 1, marketplace: 1, billing: 1 };
const CONTEXTS = ['arena', 'validation', 'federation', 'staking', 'marketplace', 'billing'];
const PERSON = 'canary-91d2-person';
/** Numbers that nothing else writes, each pair in one hidden row. */
const HIDDEN: readonly (readonly [number, number])[] = [[917_263.625, 644_535.375], [735_261.125, 826_354.875]];
const LOSE_CONTEXT = fileURLToPath(new URL('support/lose-context.mjs', import.meta.url));
/** The marketplace calls billing by RPC, too: that must not hide what this group loses. */
const GROUP = 'billing.usage';

const data = mkdtempSync(join(tmpdir(), 'skein observed '));
const lines = new Map<string, string[]>();
let sink: OtlpSink;
let cluster: Cluster;
let devnet: Devnet;
let runner: RunnerPool;
let played: Played;
let losing = false;

beforeAll(async () => {
  sink = await startOtlpSink();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, OTEL_BSP_SCHEDULE_DELAY: '200', OTEL_BSP_MAX_QUEUE_SIZE: '20000', LOG_LEVEL: 'debug', SKEIN_LOSES_CONTEXT: GROUP };
  cluster = await Cluster.start({
    eventLog: 'kafka', data, seed: 'observed', ephemeral: true, instances: INSTANCES, env: () => env,
    nodeArgs: ({ service, role }) => (losing && service === 'billing' && role === 'worker' ? ['--import', LOSE_CONTEXT] : []),
    output: (id, line) => void lines.set(nameOf(id), [...(lines.get(nameOf(id)) ?? []), line]),
  });
  devnet = JSON.parse(readFileSync(join(data, 'devnet.json'), 'utf8')) as Devnet;
  runner = new RunnerPool({ pooledMax: 2 });
  const [rotating, heldBack] = [FILES.rotating, FILES.heldBack].map((rows, at) => withPair(rows, HIDDEN[at]!)) as [Uint8Array, Uint8Array];
  played = await playWhole({ devnet, book: parseAddressBook(devnet.addressBook) }, { runner, files: { ...FILES, rotating, heldBack }, person: PERSON });
}, 400_000);

afterAll(async () => {
  await runner?.stop();
  if (played !== undefined) closePeople(played.play.people);
  await cluster?.stop();
  await sink?.stop();
  rmSync(data, { recursive: true, force: true });
});

test('the edges between services are those of the committed list, from the spans of eleven processes', async () => {
  await eventually(() => expect(compareEdges(sink.edges(), loadTraceEdges())).toEqual({ missing: [], unexpected: [] }), WAIT);
  // Of all twelve but one: nobody asks the staking indexer's API.
  expect(new Set(sink.spans().map(({ service, instanceId }) => `${service}/${instanceId}`)).size).toBe(cluster.processes.length - 1);
});

test('one trace runs through the processes of three services, and their log lines are in it', async () => {
  const holding = (traceId: string): string[] => [...lines].filter(([, said]) => said.some((line) => line.includes(`"trace_id":"${traceId}"`))).map(([name]) => name);
  await eventually(() => expect(holding(TRACES[0])).toEqual(expect.arrayContaining(['arena/api/0', 'arena/worker/0', 'validation/worker/0', 'billing/worker/0'])), WAIT);
});

/** Families with what is said of them, over all services. */
async function families(): Promise<Map<string, Set<string>>> {
  const found = new Map<string, Set<string>>();
  for (const context of CONTEXTS) {
    const text = await (await fetch(`${devnet.frontUrl}/${context}/metrics`)).text();
    for (const [, kind, name] of text.matchAll(/^# (HELP|UNIT|TYPE) (\S+) \S/gm)) found.set(name!, (found.get(name!) ?? new Set()).add(kind!));
  }
  return found;
}

test('every metric that the design names is there, with help text and unit', async () => {
  const designed = [
    'es_append_duration_seconds', 'es_append_conflicts_total', 'es_projection_lag_events', 'relay_lag_events', 'consumer_lag_events', 'inbox_duplicates_total', 'dead_letters_total',
    'workflow_oldest_open_seconds', 'http_server_duration_seconds', 'rpc_server_duration_seconds',
  ];
  const found = await families();
  expect(designed.filter((name) => found.get(name)?.size !== 3)).toEqual([]);
  expect([...found].filter(([, said]) => said.size !== 3)).toEqual([]);
});

/** What the cluster has said and written: lines of every process, spans, metrics, messages, tables, files. */
async function emitted(): Promise<Emitted[]> {
  const log = eventLogFromUrl({ url: cluster.eventLog.url, clientId: 'test' });
  const messages = await messagesOf(log, (await loadTopics()).map(({ topic }) => topic), 'test.canaries');
  await log.close();
  const metrics = await Promise.all(cluster.processes.map(async ({ name, ports }) => ({ where: `metrics of ${name}`, text: await (await fetch(`http://127.0.0.1:${ports.http}/metrics`)).text() })));
  const databases = Object.entries(cluster.databases) as [ServiceName, { appUrl: string; ownerUrl: string }][];
  const tables = await Promise.all(databases.flatMap(([name, { appUrl, ownerUrl }]) => [dump(appUrl, name), dump(ownerUrl, name)]));
  const said = [...lines].map(([name, texts]) => ({ where: `lines of ${name}`, text: texts.join('\n') }));
  const files = filesOf(data, ['artifacts', 'postgres', 'kafka', 'compile-cache']);
  return [{ where: 'spans', text: sink.bodies().join('\n') }, ...said, ...metrics, ...messages, ...tables.flat(), ...files];
}

test('nothing that any process said or sent holds a person, a key, a session, a salt or a hidden row', async () => {
  const { partner, operator, trainers } = played.play.people;
  const everything = await emitted();
  const places = everything.filter(({ text }) => text.length > 0).map(({ where }) => where);
  expect(places).toEqual(expect.arrayContaining(['spans', ...cluster.processes.map(({ name }) => `lines of ${name}`), ...cluster.processes.map(({ name }) => `metrics of ${name}`)]));
  expect(places).toEqual(expect.arrayContaining(['arena.task.v1', 'arena.submission.v1', 'arena.reward.v1', 'validation.verdict.v1', 'federation.round.v1', 'billing.ledger.v1'].map((topic) => `topic ${topic}`)));
  const rows = HIDDEN.flatMap((pair) => pairForms(...pair));
  expect(findings(everything, rows)).toEqual([]);
  const sessions = [partner, operator, ...trainers].map((actor) => actor.headers()['authorization']!.replace('Bearer ', ''));
  const forms = [played.key, ...sessions, ...sessions.map((one) => one.split('.').at(-1)!)].flatMap(textForms).filter((form) => form.length > 8);
  // Two files are there to hand secrets over: one to the next start, one to whoever plays on this devnet.
  expect(findings(everything.filter(({ where }) => !['secrets.json', 'devnet.json'].includes(where)), forms)).toEqual([]);
  // A person's name is in the table that keeps it apart; salts are in the commands that open commits, nowhere outside of databases.
  const outside = everything.filter(({ where }) => !/^[a-z-]+: /.test(where));
  expect(findings(outside, [PERSON, ...SALTS].flatMap(textForms))).toEqual([]);
  expect(findings(everything, textForms(PERSON)).every((where) => where.startsWith('billing: '))).toBe(true);
});

const isOf = ({ attributes }: RecordedSpan): boolean => attributes['messaging.consumer.group.name'] === GROUP;

test('with one consumer that loses the context the comparison fails, by its edge and topic', async () => {
  losing = true;
  // Its spans have come: a process that ends sends what is left.
  await cluster.process('billing', 'worker').restart();
  const before = sink.spans().length;
  const key = await apiKey(played.play.people.partner, played.customer, 'without context');
  await eventually(async () => expect(await infer(devnet.frontUrl, 'whole', key, 'call 2')).toMatchObject({ status: 200 }), WAIT);
  await eventually(() => expect(sink.spans().slice(before).filter(isOf)).not.toEqual([]), WAIT);
  const now = sink.spans().filter((span, index) => index >= before || !isOf(span));
  expect(compareEdges(edgesOf(now), loadTraceEdges())).toEqual({ missing: ['marketplace→billing by marketplace.usage.v1'], unexpected: [] });
});
