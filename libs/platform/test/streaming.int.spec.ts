import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '@skein/testing';
import type { NoteSchema } from './gen/skein/test/v1/notes_pb.js';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { refusal, stage, type Stage } from './harness.js';

let s: Stage;
beforeAll(async () => {
  s = await stage();
});
afterAll(() => s.close());

type NoteInit = MessageInitShape<typeof NoteSchema>;
async function* notes(...titles: string[]): AsyncIterable<NoteInit> {
  for (const title of titles) yield { name: `notes/${title}`, title };
}
async function collect<T>(stream: AsyncIterable<T>, into: T[] = []): Promise<T[]> {
  for await (const item of stream) into.push(item);
  return into;
}

test('server streaming', async () => {
  expect((await collect(s.grpc().watchNotes({ count: 3 }))).map(({ name }) => name)).toEqual(['notes/1', 'notes/2', 'notes/3']);
});

test('a stream that breaks off gives what came, then the refusal', async () => {
  const got: { name: string }[] = [];
  expect(await refusal(collect(s.grpc().watchNotes({ count: 5, failAfter: 2 }), got))).toMatchObject({ code: 'not-found', field: 'count' });
  expect(got).toHaveLength(2);
});

test('server streaming on REST is JSON lines', async () => {
  const answer = await s.rest('GET', '/test/v1/notes:watch?count=2');
  expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
  expect(answer.text.trim().split('\n').map((line) => (JSON.parse(line) as { result: { name: string } }).result.name)).toEqual(['notes/1', 'notes/2']);
  const broken = await s.rest('GET', '/test/v1/notes:watch?count=2&fail_after=1');
  expect(JSON.parse(broken.text.trim().split('\n').at(-1) ?? '')).toMatchObject({ error: { code: 'not-found', field: 'count' } });
  expect((await s.rest('GET', '/test/v1/notes:watch?count=x')).json).toMatchObject({ status: 400, field: 'count' });
});

test('a stream on REST that has nothing to say yet begins all the same', async () => {
  const abort = new AbortController();
  const answer = await fetch(`${s.url}/test/v1/notes:watch?fail_after=-1`, { signal: abort.signal });
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
  const before = s.probe.closedStreams;
  abort.abort();
  await eventually(() => expect(s.probe.closedStreams).toBe(before + 1));
});

test('client streaming, with each message validated', async () => {
  expect((await s.grpc().collectNotes(notes('one', 'two'))).notes.map(({ title }) => title)).toEqual(['one', 'two']);
  expect(await refusal(s.grpc().collectNotes(notes('one', 'x')))).toMatchObject({ code: 'invalid-argument', field: 'title', rule: 'min-len' });
});

test('bidirectional streaming', async () => {
  expect((await collect(s.grpc().echoNotes(notes('one', 'two')))).map(({ title }) => title)).toEqual(['re one', 're two']);
});

test('a reader that goes away ends an endless stream', async () => {
  const before = s.probe.closedStreams;
  for await (const note of s.grpc().watchNotes({})) if (note.name === 'notes/100') break;
  await eventually(() => expect(s.probe.closedStreams).toBe(before + 1));
});

test('a deadline ends a call, and tells the handler', async () => {
  const over = await refusal(s.grpc().wait({}, { timeoutMs: 60 }));
  expect(over).toMatchObject({ code: 'deadline-exceeded', retriable: true });
  const call = s.probe.calls.at(-1);
  expect(call?.deadlineMs).toBeGreaterThan(0);
  await eventually(() => expect(call?.signal.aborted).toBe(true));
});

test('a caller that aborts cancels the call', async () => {
  const abort = new AbortController();
  const before = s.probe.waiting;
  const answer = refusal(s.grpc().wait({}, { signal: abort.signal }));
  await eventually(() => expect(s.probe.waiting).toBe(before + 1));
  abort.abort();
  expect(await answer).toMatchObject({ code: 'deadline-exceeded' });
  await eventually(() => expect(s.probe.calls.at(-1)?.signal.aborted).toBe(true));
});

test('an unreachable server is unavailable and retriable', async () => {
  const { createGrpcClients } = await import('../src/index.js');
  const { NoteService } = await import('./gen/skein/test/v1/notes_pb.js');
  const clients = createGrpcClients({ caller: '', serviceTokenSecret: undefined, peers: {}, clock: { nowMs: () => Date.now() }, bodyLimitBytes: 1024 });
  expect(await refusal(clients.client(NoteService, '127.0.0.1:1').listNotes({}))).toMatchObject({ code: 'unavailable', retriable: true });
  clients.close();
});
