import { RejectionError } from '@skein/kernel';
import { eventually } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CallContext } from '../src/index.js';
import { apiKey, refusal, session, stage, type Stage } from './harness.js';

let s: Stage;
const seen: CallContext[] = [];
beforeAll(async () => {
  s = await stage({
    define: (base) => ({
      ...base,
      http: (app, _context, calls) => {
        app.post<{ Params: { model: string } }>('/v2/models/:model/infer', async (request, reply) => {
          try {
            return await calls.handle(request, reply, { name: 'oip/infer', roles: ['organisation'], scope: 'notes.write', command: true }, async (call) => {
              seen.push(call);
              if (request.params.model === 'poor') throw new RejectionError({ code: 'payment-required', rule: 'credit', message: 'no credit' });
              return { model: request.params.model, given: JSON.parse(String(request.body)) as unknown };
            });
          } catch (error) {
            if (!(error instanceof RejectionError) || error.rejection.code === 'unauthenticated') throw error;
            return reply.code(error.rejection.code === 'payment-required' ? 402 : 400).send({ error: error.rejection.rule });
          }
        });
      },
    }),
  });
});
afterAll(() => s.close());

const infer = (model: string, authorization: string, key?: string) => s.rest('POST', `/v2/models/${model}/infer`, { body: { x: 1 }, headers: { authorization, ...(key === undefined ? {} : { 'idempotency-key': key }) } });

test('a foreign route has identity, key and hash', async () => {
  const answer = await infer('m', apiKey('good1234'), 'client-key-1');
  expect(answer.json).toEqual({ model: 'm', given: { x: 1 } });
  const call = seen.at(-1);
  expect(call?.key('infer')).toEqual({ scope: 'infer/organisation:org-1', key: 'client-key-1', requestHash: expect.stringMatching(/^[0-9a-f]{64}$/) });
  await infer('m', apiKey('good1234'), 'client-key-2');
  expect(seen.at(-1)?.requestHash).toBe(call?.requestHash);
  expect(call?.metadata()).toMatchObject({ actor: 'organisation:org-1', tenant: 'organisation:org-1', idempotencyKey: 'client-key-1' });
});

test("refusals in the protocol's own form, others as problems", async () => {
  expect((await infer('poor', apiKey('good1234'))).json).toEqual({ error: 'credit' });
  expect((await infer('m', apiKey('noscope1'))).json).toEqual({ error: 'scope' });
  expect((await infer('m', await session())).json).toEqual({ error: 'role' });
  expect((await infer('m', 'Bearer sk_wrong')).json).toMatchObject({ status: 401, rule: 'api-key' });
});

test('a call without a key has none to offer', async () => {
  await infer('m', apiKey('good1234'));
  expect(() => seen.at(-1)?.key('infer')).toThrow('request_id is required');
});

test('it is measured and drained like any other', async () => {
  expect((await s.rest('GET', '/metrics')).text).toMatch(/rpc_server_duration_seconds_count\{[^}]*rpc="oip\/infer"[^}]*code="payment-required"[^}]*\} 1/);
  const waiting = s.grpc().wait({});
  await eventually(() => expect(s.probe.waiting).toBe(1));
  const closing = s.service.close();
  expect(await refusal(s.grpc().listNotes({}))).toMatchObject({ code: 'unavailable', retriable: true });
  s.probe.open();
  await waiting;
  await closing;
});
