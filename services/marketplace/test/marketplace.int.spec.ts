import { create } from '@bufbuild/protobuf';
import { ReserveRequestSchema } from '@skein/contracts/billing/internal';
import { GRPCInferenceService } from '@skein/contracts/inference';
import { MarketplaceService, UsageRecordedSchema } from '@skein/contracts/marketplace';
import { compareProjection, type EventStore } from '@skein/events';
import { err, reject, unwrap, uuidV8From } from '@skein/kernel';
import { onMessage, startConsumer } from '@skein/messaging';
import { EVENT_STORE } from '@skein/platform';
import { eventually } from '@skein/testing';
import type { InferRequest, Runner } from '@skein/runner';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { callTimers } from '../src/application/call-timers.js';
import { RUNNER } from '../src/application/ports.js';
import { callDecider, type CallCommand } from '../src/domain/call/call.decider.js';
import type { Pins } from '../src/domain/call/call.events.js';
import { marketplaceProjections } from '../src/marketplace.service.js';
import { arenaTask, creator, customer, federatedTask, hospital, KEY, publishKeys, publishLineage, SECRET } from './lineage-story.js';
import { developer, marketplaceStage, modelSha256, OPERATOR, requestId, session, stranger, walletOf, type MarketplaceStage } from './marketplace-stage.js';

let stage: MarketplaceStage;
let nextId = 1;
const id = (): string => requestId((nextId += 1));
const rejection = async (work: Promise<unknown>) => work.then(() => undefined, (error: { rejection?: unknown }) => error.rejection);

interface Answer {
  status: number;
  headers: Headers;
  json: { error?: string; outputs?: { name: string; datatype: string; shape: number[]; data: number[] }[]; parameters?: Record<string, string>; [name: string]: unknown };
}

async function infer(body: unknown, headers: Record<string, string> = {}, path = '/v2/models/pima/infer'): Promise<Answer> {
  const response = await fetch(stage.url + path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), headers: { authorization: KEY, ...headers } });
  return { status: response.status, headers: response.headers, json: (await response.json()) as Answer['json'] };
}

const row = (...data: unknown[]) => ({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data }] });

beforeAll(async () => {
  stage = await marketplaceStage();
  stage.credit.available = 10n ** 12n;
  await publishKeys(stage);
});
afterAll(async () => stage?.close());

describe('the registry', () => {
  const request = { model: 'models/pima', lineage: { arenaTask, federatedTask, parents: [] }, licence: 'Apache-2.0', intendedUse: 'screening' };

  test('waits for a lineage that has not ended', async () => {
    const owner = stage.as(MarketplaceService, await session(developer));
    expect(await rejection(owner.registerVersion({ requestId: id(), ...request }))).toMatchObject({ code: 'failed-precondition', rule: 'lineage-not-ready', field: 'lineage.arena_task' });
  });

  test('lists a version with the shares that follow from its lineage, and what the probe measured', async () => {
    await publishLineage(stage);
    const owner = stage.as(MarketplaceService, await session(developer));
    const command = { requestId: id(), ...request };
    const { version } = await eventually(() => owner.registerVersion(command));
    expect(await owner.registerVersion(command)).toMatchObject({ version: { name: 'models/pima/versions/1' } });
    expect(version?.shares.map(({ class: owned, payee, bps }) => [owned, payee, bps])).toEqual([
      ['developer', walletOf(developer), 6250],
      ['data', hospital(1), 1000],
      ['data', hospital(2), 500],
      ['data', hospital(3), 500],
      ['data', creator, 500],
      ['validators', hospital(8), 938],
      ['validators', hospital(9), 312],
    ]);
    expect(version).toMatchObject({ artifactSha256: modelSha256, developer: walletOf(developer), probe: { macs: 2n, bytes: 12n }, inputs: [{ name: 'x', datatype: 'FP32', shape: [-1n, 2n] }] });
    expect(version!.probe!.cpuUs > 0n).toBe(true);
  });

  test('lets only the lineage\'s owners list, and only the model\'s owner deploy', async () => {
    const other = stage.as(MarketplaceService, await session(stranger));
    expect(await rejection(other.registerVersion({ requestId: id(), ...request, model: 'models/mine' }))).toMatchObject({ code: 'permission-denied', rule: 'lineage-owner' });
    const priceRule = { floorE15: '0', rateE15: '100000', callsTarget: 5n, windowMs: 1_000n };
    expect(await rejection(other.deploy({ requestId: id(), version: 'models/pima/versions/1', priceRule }))).toMatchObject({ code: 'permission-denied', rule: 'model-owner' });
    expect(await rejection(other.deploy({ requestId: id(), version: 'models/pima/versions/9', priceRule }))).toMatchObject({ code: 'not-found' });
  });

  test('serves nothing before it is deployed', async () => {
    expect(await infer(row(1, 0))).toMatchObject({ status: 404, json: { error: expect.any(String) } });
  });

  test('deploys at a price', async () => {
    const owner = stage.as(MarketplaceService, await session(developer));
    const priceRule = { floorE15: '1000000', rateE15: '100000', callsTarget: 5n, windowMs: 60_000n };
    const { deployment } = await owner.deploy({ requestId: id(), version: 'models/pima/versions/1', priceRule });
    expect(deployment?.price).toMatchObject({ version: 1, multiplier: 1_000_000n });
    const anyone = stage.as(GRPCInferenceService);
    expect(await anyone.modelReady({ name: 'pima' })).toMatchObject({ ready: true });
    expect(await anyone.modelMetadata({ name: 'pima' })).toMatchObject({ platform: 'onnx_onnxruntime', versions: ['1'], inputs: [{ name: 'x', datatype: 'FP32' }] });
    expect(await (await fetch(`${stage.url}/v2/models/pima`)).json()).toMatchObject({ name: 'pima', inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }] });
    expect((await fetch(`${stage.url}/v2/models/absent/ready`)).status).toBe(404);
    expect(await (await fetch(`${stage.url}/v2`)).json()).toEqual({ name: 'skein-marketplace', version: '1', extensions: ['binary_tensor_data'] });
    expect(await (await fetch(`${stage.url}/v2/absent`)).json()).toEqual({ error: 'route: there is no GET /v2/absent' });
  });
});

describe('inference over REST', () => {
  test('answers and says what it cost', async () => {
    const { status, json, headers } = await infer({ id: 'q1', ...row(2, 1) });
    expect(status).toBe(200);
    expect(json).toMatchObject({ model_name: 'pima', model_version: '1', id: 'q1', outputs: [{ name: 'scores', datatype: 'FP32', shape: [1, 1] }] });
    expect(json.outputs![0]!.data[0]).toBeCloseTo(0.731, 3);
    const [reservation] = [...stage.credit.reservations.values()];
    expect(json.parameters).toMatchObject({ charged_asset: 'USD', charged_units: String(reservation!.gross), price_version: '1', rows: '1' });
    expect(headers.get('x-skein-charged-units')).toBe(String(reservation!.gross));
    expect(reservation!.request).toMatchObject({ customer, keyId: requestId(77), terms: { modelVersion: 'models/pima/versions/1', computeProvider: 'platform' } });
  });

  test('charges by the row', async () => {
    const three = { inputs: [{ name: 'x', datatype: 'FP32', shape: [3, 2], data: [[0, 0], [1, 0], [0, 1]] }] };
    const { json } = await infer(three);
    expect(json.outputs![0]).toMatchObject({ shape: [3, 1], data: [0.5, expect.closeTo(0.731, 3), expect.closeTo(0.269, 3)] });
    expect(json.parameters).toMatchObject({ rows: '3' });
  });

  test('a retry with its key gets the same answer, charged once; the key for another request is a conflict', async () => {
    const before = stage.credit.captures;
    const headers = { 'idempotency-key': 'retry-1' };
    const [first, second] = [await infer(row(1, 0), headers), await infer(row(1, 0), headers)];
    expect(first.status).toBe(200);
    expect(second.json).toEqual(first.json);
    expect(stage.credit.captures).toBe(before + 1);
    expect(await infer(row(5, 0), headers)).toMatchObject({ status: 409, json: { error: expect.stringContaining('idempotency-key-reused') } });
  });

  test('many at once with one key are one call', async () => {
    const before = stage.credit.captures;
    const answers = await Promise.all(Array.from({ length: 6 }, () => infer(row(3, 0), { 'idempotency-key': 'retry-2' })));
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
    expect(answers.every(({ status }) => status === 200 || status === 409)).toBe(true);
    expect(stage.credit.captures).toBe(before + 1);
  });

  test.each<[string, unknown, number, string]>([
    ['a wrong shape', { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] }] }, 400, 'inputs[0].shape: shape'],
    ['a wrong datatype', { inputs: [{ name: 'x', datatype: 'INT64', shape: [1, 2], data: [1, 2] }] }, 400, 'inputs[0].datatype: datatype'],
    ['a text as a number', row('1', 2), 400, 'inputs[0].data: element'],
    ['a missing input', { inputs: [] }, 400, 'inputs: required'],
    ['an unknown output', { ...row(1, 2), outputs: [{ name: 'y' }] }, 400, 'outputs: output-known'],
    ['no inputs', {}, 400, 'inputs: type'],
    ['no JSON', '{"inputs":', 400, 'body: json'],
    ['a body past the limit', { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: Array.from({ length: 40_000 }, () => 1) }] }, 413, 'body-limit'],
    ['a max_price below the price', { ...row(1, 2), parameters: { max_price: '1' } }, 409, 'max_price: max-price'],
    ['a max_price that is no amount', { ...row(1, 2), parameters: { max_price: -1 } }, 400, 'max_price: format'],
  ])('%s is refused before anything runs', async (_, body, status, error) => {
    const before = stage.credit.reservations.size;
    const answer = await infer(body);
    expect(answer).toMatchObject({ status, json: { error: expect.stringContaining(error) } });
    expect(Object.keys(answer.json)).toEqual(['error']);
    expect(stage.credit.reservations.size).toBe(before);
  });

  test('without a key, with a wrong one, without the scope, or as a wallet it is refused', async () => {
    expect(await infer(row(1, 2), { authorization: '' })).toMatchObject({ status: 401, json: { error: expect.any(String) } });
    expect(await infer(row(1, 2), { authorization: `${KEY.slice(0, -1)}1` })).toMatchObject({ status: 401 });
    expect(await infer(row(1, 2), { authorization: `Bearer sk_noscope1_${SECRET}` })).toMatchObject({ status: 403, json: { error: expect.stringContaining('scope') } });
    expect(await infer(row(1, 2), { authorization: await session(developer, ['marketplace.infer']) })).toMatchObject({ status: 403 });
  });

  test('without credit is 402 with the missing amount; after buying some the same key succeeds', async () => {
    const had = stage.credit.available;
    stage.credit.available = 0n;
    const headers = { 'idempotency-key': 'poor-1' };
    expect(await infer(row(1, 2), headers)).toMatchObject({ status: 402, json: { error: expect.stringMatching(/insufficient-credit: credit is missing: \d+/) } });
    stage.credit.available = had;
    expect((await infer(row(1, 2), headers)).status).toBe(200);
  });

  test('with billing away is 503 and free; the same key succeeds when it is back', async () => {
    stage.credit.away = true;
    expect(await infer(row(1, 2), { 'idempotency-key': 'away-1' })).toMatchObject({ status: 503 });
    stage.credit.away = false;
    expect((await infer(row(1, 2), { 'idempotency-key': 'away-1' })).status).toBe(200);
  });

  test('a call whose time is over when its turn comes does not reach a runner, is not charged, and the same key succeeds later', async () => {
    const runner = stage.service.get<Pick<Runner, 'infer'>>(RUNNER);
    const asked = vi.spyOn(runner, 'infer');
    const captured = stage.credit.captures;
    const answer = await infer(row(1, 2), { 'idempotency-key': 'late-1', prefer: 'wait=0' });
    expect(answer).toMatchObject({ status: 504, json: { error: expect.stringContaining('deadline-exceeded') } });
    expect(asked).not.toHaveBeenCalled();
    await eventually(async () => expect((await infer(row(1, 2), { 'idempotency-key': 'late-1' })).status).toBe(200));
    expect(asked).toHaveBeenCalledTimes(1);
    expect(stage.credit.captures).toBe(captured + 1);
    asked.mockRestore();
  });

  test('a caller that goes away during a run is known to the runner, by its tenant; nothing is charged', async () => {
    const runner = stage.service.get<Pick<Runner, 'infer'>>(RUNNER);
    const requests: InferRequest[] = [];
    const asked = vi.spyOn(runner, 'infer').mockImplementation((request) => {
      requests.push(request);
      return new Promise((resolve) => request.signal?.addEventListener('abort', () => resolve(reject('deadline-exceeded', 'aborted', 'the run was given up'))));
    });
    const captured = stage.credit.captures;
    const gone = new AbortController();
    const answer = fetch(`${stage.url}/v2/models/pima/infer`, { method: 'POST', body: JSON.stringify(row(1, 2)), headers: { authorization: KEY, 'idempotency-key': 'gone-1' }, signal: gone.signal }).then(() => 'answered', () => 'gone');
    await eventually(() => expect(requests).toHaveLength(1));
    expect(requests[0]).toMatchObject({ tenant: `organisation:${customer}` });
    gone.abort();
    expect(await answer).toBe('gone');
    await eventually(() => expect(requests[0]?.signal?.aborted).toBe(true));
    asked.mockRestore();
    await eventually(async () => expect((await infer(row(1, 2), { 'idempotency-key': 'gone-1' })).status).toBe(200));
    expect(stage.credit.captures).toBe(captured + 1);
  });

  test('more than may wait for a runner is 429 with a time, and free', async () => {
    const runner = stage.service.get<Pick<Runner, 'infer'>>(RUNNER);
    const asked = vi.spyOn(runner, 'infer').mockResolvedValue(err({ code: 'resource-exhausted', rule: 'runner-busy', message: 'busy', retriable: true, retryAfterMs: 2_500 }));
    const answer = await infer(row(1, 2), { 'idempotency-key': 'busy-1' });
    expect(answer).toMatchObject({ status: 429, json: { error: 'runner-busy: busy' } });
    expect(answer.headers.get('retry-after')).toBe('3');
    asked.mockRestore();
    await eventually(async () => expect((await infer(row(1, 2), { 'idempotency-key': 'busy-1' })).status).toBe(200));
  });

  test('reads and writes the binary extension', async () => {
    const header = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } }], outputs: [{ name: 'scores', parameters: { binary_data: true } }] });
    const raw = Buffer.from(new Float32Array([2, 1]).buffer);
    const response = await fetch(`${stage.url}/v2/models/pima/versions/1/infer`, {
      method: 'POST', body: Buffer.concat([Buffer.from(header), raw]), headers: { authorization: KEY, 'inference-header-content-length': String(header.length) },
    });
    const body = Buffer.from(await response.arrayBuffer());
    const length = Number(response.headers.get('inference-header-content-length'));
    expect(JSON.parse(body.subarray(0, length).toString())).toMatchObject({ outputs: [{ name: 'scores', shape: [1, 1], parameters: { binary_data_size: 4 } }] });
    expect(body.readFloatLE(length)).toBeCloseTo(0.731, 3);
  });
});

describe('inference over gRPC', () => {
  test('takes contents or raw bytes and always answers raw', async () => {
    const client = stage.as(GRPCInferenceService, KEY);
    const input = { name: 'x', datatype: 'FP32', shape: [1n, 2n] };
    const fromContents = await client.modelInfer({ modelName: 'pima', id: 'g1', inputs: [{ ...input, contents: { fp32Contents: [2, 1] } }] });
    const fromRaw = await client.modelInfer({ modelName: 'pima', inputs: [input], rawInputContents: [new Uint8Array(new Float32Array([2, 1]).buffer)] });
    expect(fromRaw.rawOutputContents).toEqual(fromContents.rawOutputContents);
    expect(Buffer.from(fromContents.rawOutputContents[0]!).readFloatLE()).toBeCloseTo(0.731, 3);
    expect(fromContents).toMatchObject({ modelName: 'pima', modelVersion: '1', id: 'g1', outputs: [{ name: 'scores', datatype: 'FP32', shape: [1n, 1n] }] });
    expect(fromContents.parameters['price_version']?.parameterChoice).toEqual({ case: 'stringParam', value: '1' });
  });

  test('refuses what does not fit', async () => {
    const client = stage.as(GRPCInferenceService, KEY);
    const input = { name: 'x', datatype: 'FP32', shape: [1n, 2n] };
    expect(await rejection(client.modelInfer({ modelName: 'pima', inputs: [input], rawInputContents: [new Uint8Array(4)] }))).toMatchObject({ rule: 'byte-length', field: 'inputs[0].data' });
    expect(await rejection(client.modelInfer({ modelName: 'pima', inputs: [{ ...input, shape: [2n ** 62n, 2n] }] }))).toMatchObject({ rule: 'shape' });
    expect(await rejection(client.modelInfer({ modelName: 'absent', inputs: [input] }))).toMatchObject({ code: 'not-found' });
    const maxPrice = { parameterChoice: { case: 'stringParam' as const, value: '1' } };
    expect(await rejection(client.modelInfer({ modelName: 'pima', parameters: { max_price: maxPrice }, inputs: [{ ...input, contents: { fp32Contents: [2, 1] } }] }))).toMatchObject({ rule: 'max-price', field: 'max_price' });
    expect(await rejection(stage.as(GRPCInferenceService).modelInfer({ modelName: 'pima', inputs: [input] }))).toMatchObject({ code: 'unauthenticated' });
  });
});

describe('what a dead process left', () => {
  const metadata = { correlationId: 'correlation-of-the-test', actor: 'test' };
  const pins = (reservationId: string): Pins => ({ reservationId, customer, keyId: requestId(77), model: 'pima', version: 1, priceVersion: 1, unitPriceE15: 5_000_000n, rows: 1, amountMax: 6n });
  const perform = async (callId: string, command: (nowMs: number) => CallCommand) => {
    const store = stage.service.get<EventStore>(EVENT_STORE);
    return unwrap(await store.execute({ decider: callDecider, streamId: `call-${callId}`, command, metadata, effects: callTimers }));
  };
  const start = (callId: string, reservationId: string) =>
    perform(callId, (nowMs) => ({ type: 'start-call', callId, requestSha256: 'aa', pins: pins(reservationId), leaseMs: 100, nowMs }));
  const types = async (callId: string) => (await stage.service.get<EventStore>(EVENT_STORE).readStream(`call-${callId}`)).map(({ type }) => type.split('.').at(-2));

  test('a call that never ran is voided when its lease ends', async () => {
    await start('dead-1', requestId(801));
    await eventually(async () => expect(await types('dead-1')).toEqual(['started', 'voided']));
  });

  test('a call that ran is charged once, without its client', async () => {
    await start('dead-2', requestId(802));
    const price = { requestId: id(), customer, keyId: requestId(77), unitsMax: '6', priceVersion: 1, unitPriceE15: '5000000', holdMs: 60_000n };
    await stage.credit.reserve(create(ReserveRequestSchema, { ...price, reservationId: requestId(802) }));
    await perform('dead-2', (nowMs) => ({ type: 'record-run', attempt: 1, cpuUs: 10, computeCostE15: 1n, nowMs }));
    await eventually(async () => expect(await types('dead-2')).toEqual(['started', 'ran', 'captured']));
    expect(stage.credit.reservations.get(requestId(802))?.gross).toBe(5n);
  });

  test('a call that could not be paid for left nothing behind', async () => {
    stage.credit.away = true;
    await infer(row(1, 2), { 'idempotency-key': 'away-2' });
    stage.credit.away = false;
    expect(await types(uuidV8From('call', customer, 'away-2'))).toEqual(['started', 'voided']);
  });
});

describe('price, usage and read models', () => {
  test('a busy window raises the price by its rule, a quiet one lowers it', async () => {
    const owner = stage.as(MarketplaceService, await session(developer));
    const priceRule = { floorE15: '1000000', rateE15: '100000', callsTarget: 2n, windowMs: 1_000n };
    await owner.deploy({ requestId: id(), version: 'models/pima/versions/1', priceRule });
    for (let call = 0; call < 8; call += 1) await infer(row(call, 0));
    const prices = await eventually(async () => {
      const listed = (await owner.listPrices({ parent: 'models/pima' })).prices;
      expect(listed.some(({ multiplier }, index) => multiplier > 1_000_000n && listed.slice(index + 1).some((later) => later.multiplier < multiplier))).toBe(true);
      return listed;
    });
    expect(prices.map(({ version }) => version)).toEqual(prices.map((_, index) => index + 1));
    const raised = prices.find(({ multiplier }) => multiplier > 1_000_000n);
    expect(raised!.callsUsed > 2n).toBe(true);
  });

  test('each call is published as usage under its reservation, and listed for its customer only', async () => {
    const seen = new Set<string>();
    const consumer = await startConsumer({
      log: stage.log, pool: stage.database.appPool, group: 'watch', policy: 'park',
      handlers: [onMessage({ topic: 'marketplace.usage.v1', type: 'skein.marketplace.call.ran.v1', schema: UsageRecordedSchema, handle: async ({ reservationId }) => void seen.add(reservationId) })],
    });
    const charged = [...stage.credit.reservations].filter(([, { gross }]) => gross !== undefined).map(([reservationId]) => reservationId);
    await eventually(() => expect([...seen].sort()).toEqual(charged.sort()));
    await consumer.stop();
    const calls = await stage.as(MarketplaceService, KEY).listCalls({ pageSize: 500 });
    expect(calls.calls.filter(({ state }) => state === 'captured').map(({ reservationId }) => reservationId).sort()).toEqual(charged);
    expect(await rejection(stage.as(MarketplaceService, KEY).listCalls({ customer: 'customers/other' }))).toMatchObject({ code: 'not-found' });
    expect((await stage.as(MarketplaceService, `Bearer ${OPERATOR}`).listCalls({ customer, pageSize: 1 })).calls).toHaveLength(1);
  });

  test('rebuilt from the log the read models are equal row by row', async () => {
    const store = stage.service.get<EventStore>(EVENT_STORE);
    for (const projection of marketplaceProjections) expect(await compareProjection(store, projection)).toMatchObject({ equal: true, differences: [] });
  });

  test('no call is left open, says /metrics', async () => {
    await eventually(async () => expect(await (await fetch(`${stage.url}/metrics`)).text()).toMatch(/^workflow_oldest_open_seconds\{.*workflow="call".*\} 0/m));
  });

  test('neither inputs nor outputs nor secrets are in any event', async () => {
    const { rows } = await stage.database.appPool.query<{ text: string }>('SELECT string_agg(e::text, chr(10)) AS text FROM es_event e');
    expect(rows[0]!.text).not.toMatch(/base64|scores":|0\.731/);
    expect(rows[0]!.text).not.toContain(SECRET);
  });
});
