import { eventually } from '@skein/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { GRPC_CLIENTS, type GrpcClients } from '../src/index.js';
import { NoteService } from './gen/skein/test/v1/notes_pb.js';
import { refusal, stage, type Stage } from './harness.js';

let outer: Stage;
let inner: Stage;
beforeAll(async () => {
  [outer, inner] = await Promise.all([stage({ settings: { CALL_TIMEOUT_MS: '300000' } }), stage({ settings: { CALL_TIMEOUT_MS: '300000' }, define: (base) => ({ ...base, name: 'billing' }) })]);
  // What is waited for in the outer service is a call of the inner one, which nobody answers.
  const client = outer.service.get<GrpcClients>(GRPC_CLIENTS).client(NoteService, `127.0.0.1:${inner.service.grpcPort}`);
  outer.probe.wait = async () => void (await client.wait({}));
});
afterAll(() => Promise.all([outer, inner].map((one) => one.close())));
beforeEach(() => void inner.probe.calls.splice(0));

/** The inner call has come, knows when it has to be over, and was ended without anybody having answered it. */
async function ended(): Promise<void> {
  const call = await eventually(() => {
    expect(inner.probe.calls).toHaveLength(1);
    return inner.probe.calls[0]!;
  });
  expect(call.deadlineMs).toBeGreaterThan(0);
  await eventually(() => expect(call.signal.aborted).toBe(true));
}

test.each<Record<string, string>>([{ prefer: 'wait=3' }, { 'grpc-timeout': '3S' }])('the deadline of an HTTP call (%o) is that of the calls that it makes of other services', async (headers) => {
  const answer = outer.rest('GET', '/test/v1/wait', { headers });
  await ended();
  expect(await answer).toMatchObject({ status: 504, json: { code: 'deadline-exceeded', retriable: true } });
});

test('so is the deadline of a gRPC call', async () => {
  const answer = refusal(outer.grpc().wait({}, { timeoutMs: 3_000 }));
  await ended();
  expect(await answer).toMatchObject({ code: 'deadline-exceeded' });
});

test('a caller that goes away ends what other services do for it', async () => {
  const leaving = new AbortController();
  const answer = fetch(`${outer.url}/test/v1/wait`, { signal: leaving.signal }).then(() => 'answered', () => 'gone');
  await eventually(() => expect(inner.probe.calls).toHaveLength(1));
  leaving.abort();
  await ended();
  expect(await answer).toBe('gone');
});
