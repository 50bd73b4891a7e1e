import { fromBinary } from '@bufbuild/protobuf';
import { ScoringRequestedSchema, TaskFinishedSchema } from '@skein/contracts/arena';
import { AssignmentStatus, file_skein_validation_v1_service, type Verdict, VerdictAgreedSchema, VerdictFailedSchema, VerdictService, ValidatorService } from '@skein/contracts/validation';
import { OperationsService } from '@skein/contracts/operations';
import { compareProjection, type EventStore } from '@skein/events';
import { toNano, uuidV8From } from '@skein/kernel';
import { columnMoments, parseCsv, perceptronOnnx, type Dataset } from '@skein/models';
import { HEADER } from '@skein/messaging';
import { type Client, EVENT_STORE, walkAccessMatrix } from '@skein/platform';
import { RunnerPool, type ScoreOutcome } from '@skein/runner';
import { differingSplits, eventually } from '@skein/testing';
import type { PrivateKeyAccount } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { validationProjection } from '../src/index.js';
import { sealOf } from '../src/domain/evaluation/seal.policy.js';
import { accountOf, pimaCsv, scoringOver, type Stage, stage, submitted, traces, walletOf } from './stage.js';

const TASK = 'tasks/00000000-0000-7000-8000-000000000001';
const OTHER_TASK = 'tasks/00000000-0000-7000-8000-000000000002';
const SILENT_TASK = 'tasks/00000000-0000-7000-8000-000000000003';
const STOPPED_TASK = 'tasks/00000000-0000-7000-8000-000000000004';
const SALT = 'ab'.repeat(32);
/** A hidden value, and a weight of an unrevealed model, that occur nowhere else: they must not leave memory. */
const CANARY = '4711.2519';
const WEIGHT = 0.7182818;
const hexOf = (bytes: ArrayBuffer | string): string => Buffer.from(bytes as string).toString('hex');
const managed = [1, 2, 3].map(accountOf);
const [honest, liar] = [accountOf(4), accountOf(5)];
const owner = accountOf(9);

let on: Stage;
let runner: RunnerPool;
let hidden: Dataset;
let dataSetSha256: string;
let csv: string;
let key = 0;
/** Request ids of acceptances, by assignment. */
const acceptances = new Map<string, string>();
const requestId = (): string => uuidV8From('request', (key += 1));

beforeAll(async () => {
  on = await stage();
  runner = new RunnerPool();
  const lines = (await pimaCsv()).split('\n');
  csv = [lines[0], ...lines.slice(600, 700), `1,${CANARY},70,30,0,30,0.5,40,1`].join('\n');
  dataSetSha256 = await on.putArtifact(new TextEncoder().encode(csv));
  const read = parseCsv(csv, { features: lines[0]!.split(',').slice(0, 8), label: 'diabetes' });
  if (!read.ok) throw new Error(read.error.message);
  hidden = read.value;
  for (const account of managed) {
    const validators = await on.client(ValidatorService, account);
    expect((await validators.setManaged({ requestId: requestId(), managed: true })).validator).toMatchObject({ wallet: walletOf(account), managed: true });
  }
  // Its time runs out while the other tests go on.
  await ask(3, [model(1)], { validators: 4, seconds: 20, task: SILENT_TASK });
});
afterAll(async () => {
  await runner.stop();
  await on.close();
});

const model = (weight: number): Uint8Array =>
  perceptronOnnx({ layers: [{ inputs: 8, outputs: 1, weights: [0, weight, 0, 0, 0, 0, 0, 0], bias: [-weight] }], output: 'sigmoid', standardise: { ...columnMoments(hidden) } });

interface Asked {
  readonly scoringId: string;
  readonly submissions: string[];
}

/** Requests a scoring of the given models by validators 1 to `validators`. */
async function ask(round: number, models: readonly Uint8Array[], options: { seconds?: number; validators?: number; interval?: number; task?: string } = {}): Promise<Asked> {
  const scoringId = uuidV8From('scoring', round);
  const task = options.task ?? TASK;
  const submissions = await Promise.all(
    models.map(async (bytes, order) => {
      const submission = `${task}/submissions/${uuidV8From('submission', round, order)}`;
      const artifactSha256 = await on.putArtifact(bytes);
      submitted.set(submission, { artifactSha256, dataSetSha256 });
      return { submission, owner: walletOf(owner), artifactSha256, order };
    }),
  );
  const requestedAtMs = await on.nowMs();
  await on.publish('skein.arena.scoring.requested.v1', 'task-1', ScoringRequestedSchema, {
    scoringId, task, taskRequestId: uuidV8From(task), round, purpose: 'epoch', dataSetSha256, dataSetRows: BigInt(hidden.rows), labelColumn: 'diabetes', metric: 'accuracy',
    validatorsPerSubmission: 5, quorum: 3, consensus: 'median', lambdaNano: 1_000_000_000n, toleranceNano: 0n, requestedAtMs: BigInt(requestedAtMs),
    deadlineMs: BigInt(requestedAtMs + (options.seconds ?? 60) * 1000), assignmentIntervalSeconds: options.interval ?? 0, millisecondsPerRowMax: 100, inputShape: [8], outputShape: [1], submissions,
    validators: [1, 2, 3, 4, 5].slice(0, options.validators ?? 5).map((number) => ({ wallet: walletOf(accountOf(number)), role: 'validator', ownUnits: `${3000 + number}${'0'.repeat(18)}`, delegatedUnits: '0' })),
    nodes: [{ wallet: walletOf(owner), role: 'node', ownUnits: '1', delegatedUnits: '0' }],
  });
  return { scoringId, submissions: submissions.map(({ submission }) => submission) };
}

const offered = (validators: Client<typeof ValidatorService>, task: string, count: number) =>
  eventually(async () => {
    const { assignments } = await validators.listAssignments({ status: AssignmentStatus.OFFERED, task });
    expect(assignments).toHaveLength(count);
    return assignments;
  }, { timeoutMs: 20_000 });

async function score(bytes: Uint8Array): Promise<ScoreOutcome> {
  const scored = await runner.score({ model: bytes, dataset: hidden, datasetSha256: dataSetSha256, metric: 'accuracy' });
  if (!scored.ok) throw new Error(scored.error.rule);
  return scored.value;
}

/** An external validator's whole way; `lie` is added to the score. */
async function judge(account: PrivateKeyAccount, models: readonly Uint8Array[], submissions: readonly string[], lie: number): Promise<() => Promise<void>> {
  const validators = await on.client(ValidatorService, account);
  const assignments = await offered(validators, TASK, models.length);
  const sealed = await Promise.all(
    assignments.map(async ({ name, submission }) => {
      if (!acceptances.has(name)) acceptances.set(name, requestId());
      const accepted = await validators.acceptAssignment({ requestId: acceptances.get(name)!, name });
      expect(accepted.work).toMatchObject({ dataSetSha256, metric: 'accuracy', labelColumn: 'diabetes', dataSetRows: 101n });
      const { manifest, score: honestScore } = await score(models[submissions.indexOf(submission)]!);
      const said = Math.min(honestScore + lie, 1);
      const bits = new DataView(new ArrayBuffer(8));
      bits.setFloat64(0, said);
      await validators.sealScore({ requestId: requestId(), name, seal: sealOf(name.slice('assignments/'.length), toNano(said), SALT) });
      return { name, scoreNano: toNano(said), manifest: { ...manifest, dataSetSha256: manifest.datasetSha256, resultBits: bits.getBigUint64(0).toString(16).padStart(16, '0') } };
    }),
  );
  return async () => {
    await eventually(async () => expect((await validators.listAssignments({ status: AssignmentStatus.SEALED, revealable: true })).assignments).toHaveLength(models.length), { timeoutMs: 20_000 });
    for (const { name, scoreNano, manifest } of sealed) await validators.revealScore({ requestId: requestId(), name, scoreNano, salt: SALT, manifest });
  };
}

const verdictsOf = (client: Client<typeof VerdictService>, round: number, count: number, task = TASK): Promise<Verdict[]> =>
  eventually(async () => {
    const verdicts = (await client.listVerdicts({ task })).verdicts.filter((verdict) => verdict.round === round && verdict.status !== 'open');
    expect(verdicts).toHaveLength(count);
    return verdicts;
  }, { timeoutMs: 30_000 });

describe('a scoring', () => {
  it('goes from the request to verdicts; managed and external validators agree and the liar loses its share', async () => {
    const models = [model(2), model(WEIGHT)];
    const { scoringId, submissions } = await ask(1, models);
    const reveals = await Promise.all([judge(honest, models, submissions, 0), judge(liar, models, submissions, 0.2)]);
    for (const reveal of reveals) await reveal();
    const operator = await on.client(VerdictService, 'operator');
    const verdicts = await verdictsOf(operator, 1, 2);
    for (const verdict of verdicts) {
      const expected = toNano((await score(models[submissions.indexOf(verdict.submission)]!)).score);
      expect(verdict).toMatchObject({ status: 'agreed', agreedScoreNano: expected, madNano: 0n, beaconKind: 'seeded' });
      const share = new Map(verdict.assignments.map(({ validator, shareE18 }) => [validator, BigInt(shareE18)]));
      expect(share.size).toBe(5);
      expect([...share.values()].reduce((a, b) => a + b, 0n)).toBe(10n ** 18n);
      expect(share.get(walletOf(liar))! < 10n ** 10n).toBe(true);
    }
    const published = await eventually(() => {
      const messages = on.verdicts.map(({ value }) => fromBinary(VerdictAgreedSchema, value)).filter(({ round }) => round === 1);
      expect(messages).toHaveLength(2);
      return messages;
    });
    expect(published.map(({ submission }) => submission).sort()).toEqual([...submissions].sort());
    const correlations = on.verdicts.filter(({ value }) => fromBinary(VerdictAgreedSchema, value).round === 1).map(({ headers }) => headers[HEADER.correlationId]);
    expect(new Set(correlations)).toEqual(new Set([on.published.at(-1)]));
    expect(published[0]).toMatchObject({ scoringId, task: TASK, purpose: 'epoch', consensus: 'median', missed: [] });
    const scoring = await eventually(async () => {
      const found = await operator.getScoring({ name: `scorings/${scoringId}` });
      expect(found.decided).toBe(2);
      return found;
    });
    expect(scoring.yuma?.validators).toHaveLength(5);
  });

  it('replays a score bit for bit, and shows the liar', async () => {
    const operator = await on.client(VerdictService, 'operator');
    const [verdict] = await verdictsOf(operator, 1, 2);
    const named = (account: PrivateKeyAccount): string => verdict!.assignments.find(({ validator }) => validator === walletOf(account))!.assignment.replace('assignments/', 'scores/');
    expect(await operator.replayScore({ name: named(managed[0]!) })).toMatchObject({ bitEqual: true, scoreNano: verdict!.agreedScoreNano });
    expect(await operator.replayScore({ name: named(honest) })).toMatchObject({ bitEqual: true });
    expect(await operator.replayScore({ name: named(liar) })).toMatchObject({ bitEqual: false, scoreNano: verdict!.agreedScoreNano });
    expect((await operator.getScore({ name: named(liar) })).manifest?.runtime).toBe('onnxruntime-node 1.30.0');
  });

  it('keeps exact scores from everybody but operator and validator until the task has finished', async () => {
    const [operator, anybody, own] = [await on.client(VerdictService, 'operator'), await on.client(VerdictService), await on.client(VerdictService, honest)];
    const [verdict] = await verdictsOf(operator, 1, 2);
    const score = verdict!.assignments.find(({ validator }) => validator === walletOf(honest))!.assignment.replace('assignments/', 'scores/');
    const hiddenVerdict = await anybody.getVerdict({ name: verdict!.name });
    expect([hiddenVerdict.agreedScoreNano, ...hiddenVerdict.assignments.map(({ scoreNano }) => scoreNano)]).toEqual(new Array(6).fill(undefined));
    await expect(anybody.getScore({ name: score })).rejects.toMatchObject({ rejection: { code: 'not-found', rule: 'not-found' } });
    expect((await own.getScore({ name: score })).validator).toBe(walletOf(honest));
    await on.publish('skein.arena.task.finished.v1', 'task-1', TaskFinishedSchema, { task: TASK });
    await eventually(async () => expect((await anybody.getVerdict({ name: verdict!.name })).agreedScoreNano).toBe(verdict!.agreedScoreNano));
    expect((await anybody.getScore({ name: score })).scoreNano).toBe(verdict!.agreedScoreNano);
  });

  it('blames a model that no runner can run, and is not stopped by it', async () => {
    const broken = perceptronOnnx({ layers: [{ inputs: 7, outputs: 1, weights: new Array<number>(7).fill(1), bias: [0] }], output: 'sigmoid' });
    await ask(2, [broken], { validators: 3 });
    const [verdict] = await verdictsOf(await on.client(VerdictService, 'operator'), 2, 1);
    expect(verdict).toMatchObject({ status: 'failed', rule: 'model-run', assignments: new Array(3).fill({ rule: 'model-run', status: AssignmentStatus.FAILED }) });
    await eventually(() => expect(on.verdicts.map(({ type, value }) => (type.includes('failed') ? fromBinary(VerdictFailedSchema, value).modelAtFault : undefined))).toContain(true));
  });
});

describe('bad input', () => {
  it('is refused by field and rule, and changes nothing', async () => {
    const bytes = model(3);
    const { submissions } = await ask(4, [bytes, model(4)], { interval: 180, task: OTHER_TASK });
    const [validators, others, store] = [await on.client(ValidatorService, honest), await on.client(ValidatorService, managed[0]), on.validation.get<EventStore>(EVENT_STORE)];
    const [first, second] = (await offered(validators, OTHER_TASK, 2)).sort((a, b) => submissions.indexOf(a.submission) - submissions.indexOf(b.submission));
    const name = first!.name;
    const seal = 'ab'.repeat(32);
    await validators.acceptAssignment({ requestId: requestId(), name });
    await eventually(async () => expect((await validators.getAssignment({ name })).status).toBe(AssignmentStatus.ACCEPTED));
    const { manifest } = await score(bytes);
    const good = { ...manifest, dataSetSha256: manifest.datasetSha256 };
    const refused = (call: Promise<unknown>, rejection: object): Promise<void> => expect(call).rejects.toMatchObject({ rejection });
    const before = await store.readStream(`evaluation-${(await (await on.client(VerdictService, 'operator')).listVerdicts({ task: OTHER_TASK, submission: submissions[0]! })).verdicts[0]!.name.slice('verdicts/'.length)}`);
    await refused(validators.acceptAssignment({ requestId: requestId(), name: second!.name }), { code: 'resource-exhausted', rule: 'assignment-interval', field: 'name' });
    await refused(others.sealScore({ requestId: requestId(), name, seal }), { code: 'not-found', rule: 'not-found', field: 'name' });
    await refused(others.getAssignment({ name }), { code: 'not-found', rule: 'not-found' });
    await refused(validators.sealScore({ requestId: requestId(), name: 'assignments/nobody', seal }), { code: 'not-found', rule: 'not-found', field: 'name' });
    await refused(validators.sealScore({ requestId: requestId(), name, seal: 'short' }), { code: 'invalid-argument', rule: 'format', field: 'seal' });
    await refused(validators.sealScore({ requestId: 'no-uuid', name, seal }), { code: 'invalid-argument', field: 'request_id' });
    await refused(validators.revealScore({ requestId: requestId(), name, scoreNano: 1n, salt: seal, manifest: good }), { code: 'failed-precondition', rule: 'assignment-status' });
    await refused(validators.revealScore({ requestId: requestId(), name, scoreNano: 1n, salt: seal, manifest: { ...good, resultBits: 'xyz' } }), { rule: 'pattern', field: 'manifest.result_bits' });
    await refused(validators.revealScore({ requestId: requestId(), name, scoreNano: 1n, salt: seal }), { rule: 'required', field: 'manifest' });
    await refused(validators.failAssignment({ requestId: requestId(), name, rule: 'Not A Rule' }), { rule: 'format', field: 'rule' });
    await refused(validators.listAssignments({ pageToken: 'x' }), { rule: 'page-token', field: 'page_token' });
    await refused(validators.listAssignments({ pageSize: 1000 }), { rule: 'max', field: 'page_size' });
    await refused((await on.client(ValidatorService)).listAssignments({}), { code: 'unauthenticated' });
    await refused((await on.client(VerdictService, honest)).getScoring({ name: 'scorings/x' }), { code: 'permission-denied' });
    const after = await store.readStream(before[0]!.streamId);
    expect(after.filter(({ metadata }) => metadata.actor.startsWith('wallet:'))).toEqual(before.filter(({ metadata }) => metadata.actor.startsWith('wallet:')));
  });

  it('a command repeated with its key has one effect and one answer; another payload is a conflict', async () => {
    const validators = await on.client(ValidatorService, honest);
    const { assignments } = await validators.listAssignments({ status: AssignmentStatus.ACCEPTED });
    const { name } = assignments[0]!;
    const request = { requestId: requestId(), name, seal: 'cd'.repeat(32) };
    const [one, two] = [await validators.sealScore(request), await validators.sealScore(request)];
    expect(two).toEqual(one);
    await expect(validators.sealScore({ ...request, seal: 'ee'.repeat(32) })).rejects.toMatchObject({ rejection: { code: 'conflict', rule: 'idempotency-key-reused' } });
  });
});

describe('every call × every role', () => {
  it('is open to exactly the roles that its proto lists', async () => {
    const matrix = walkAccessMatrix([file_skein_validation_v1_service]);
    expect(matrix).toHaveLength(13);
    const callers = { anonymous: undefined, wallet: honest, operator: 'operator' as const };
    for (const { name, method, roles } of matrix) {
      for (const [role, who] of Object.entries(callers)) {
        const service = method.parent.typeName === ValidatorService.typeName ? ValidatorService : VerdictService;
        const client = (await on.client(service, who)) as unknown as Record<string, (request: object) => Promise<unknown>>;
        const code = await client[method.localName]!({}).then(() => 'ok', (error: { rejection: { code: string } }) => error.rejection.code);
        const open = roles.some((allowed) => allowed === 'anyone' || allowed === role);
        expect({ name, role, denied: code === 'unauthenticated' || code === 'permission-denied' }).toEqual({ name, role, denied: !open });
      }
    }
  });

  it('a session without the scope scores nothing', async () => {
    const validators = await on.client(ValidatorService, honest, []);
    await expect(validators.listAssignments({})).rejects.toMatchObject({ rejection: { code: 'permission-denied' } });
  });
});

describe('what an operator watches', () => {
  it('shows the oldest scoring without a verdict', async () => {
    const text = await (await fetch(`http://127.0.0.1:${on.validation.http.port}/metrics`)).text();
    expect(text).toMatch(/^workflow_oldest_open_seconds\{.*workflow="evaluation".*\} \d/m);
  });

  it('finds its read models equal to the log, by the call of the operators', async () => {
    const operations = await on.client(OperationsService, 'operator');
    const { readModels, events } = await operations.verifyReadModels({ context: 'validation' });
    expect(readModels).toMatchObject([{ name: 'validation', equal: true, differingTables: [] }]);
    expect(events).toBeGreaterThan(30n);
  });

  it('follows every event of an evaluation back to the request of the arena', async () => {
    const store = on.validation.get<EventStore>(EVENT_STORE);
    const { verdicts } = await (await on.client(VerdictService, 'operator')).listVerdicts({ task: TASK });
    const events = await store.readStream(`evaluation-${verdicts.find(({ round }) => round === 1)!.name.slice('verdicts/'.length)}`);
    const ids = new Set(events.map(({ eventId }) => eventId));
    expect(events[0]!.metadata.causationId).toBe(events[0]!.metadata.correlationId);
    for (const { metadata } of events.slice(1)) expect(ids.has(metadata.causationId ?? 'none')).toBe(true);
    expect(events.at(-1)!.type).toBe('skein.validation.verdict.agreed.v1');
  });

  it('calls of a job belong to the trace of the scoring', () => {
    expect(new Set(traces.map((traceparent) => traceparent?.split('-')[1]))).toContain('7'.repeat(32));
  });
});

describe('a validator that is silent', () => {
  it('holds nobody up when its time is over', async () => {
    const [verdict] = await verdictsOf(await on.client(VerdictService, 'operator'), 3, 1, SILENT_TASK);
    expect(verdict!.status).toBe('agreed');
    expect(verdict!.assignments.find(({ validator }) => validator === walletOf(honest))).toMatchObject({ status: AssignmentStatus.EXPIRED, rule: 'not-sealed' });
  });
});

describe('a service that stops in the middle', () => {
  it('goes on with its half-done work when it starts again', async () => {
    await ask(5, [model(1.5)], { validators: 3, task: STOPPED_TASK });
    const before = await on.client(VerdictService, 'operator');
    await eventually(async () => expect((await before.listVerdicts({ task: STOPPED_TASK })).verdicts).toHaveLength(1));
    await on.restart();
    const [verdict] = await verdictsOf(await on.client(VerdictService, 'operator'), 5, 1, STOPPED_TASK);
    expect(verdict).toMatchObject({ status: 'agreed', assignments: new Array(3).fill({ status: AssignmentStatus.COUNTED, distanceE18: '0' }) });
  });
});

describe('an acceptance repeated when all is over', () => {
  it('gets the same answer and no new grant', async () => {
    const validators = await on.client(ValidatorService, honest);
    const { assignments } = await validators.listAssignments({ task: TASK, status: AssignmentStatus.COUNTED });
    const before = traces.length;
    const accepted = await validators.acceptAssignment({ requestId: acceptances.get(assignments[0]!.name)!, name: assignments[0]!.name });
    expect([accepted.work?.dataSetSha256, traces.length]).toEqual([dataSetSha256, before]);
  });
});

describe('a score of long ago', () => {
  it('is replayed by the grant of its scoring, when the arena gives no new ones', async () => {
    scoringOver.value = true;
    await on.restart();
    const operator = await on.client(VerdictService, 'operator');
    const [verdict] = await verdictsOf(operator, 5, 1, STOPPED_TASK);
    const replayed = await operator.replayScore({ name: verdict!.assignments[0]!.assignment.replace('assignments/', 'scores/') });
    scoringOver.value = false;
    expect(replayed).toMatchObject({ bitEqual: true, scoreNano: verdict!.agreedScoreNano });
  });
});

describe('what must not leak, and what must be repeatable', () => {
  it('hidden rows and models are in no table of validation and in no message', async () => {
    const secrets = [CANARY, '4711.25', hexOf(CANARY), hexOf(Float32Array.of(Number(CANARY)).buffer), String(WEIGHT), hexOf(Float32Array.of(WEIGHT).buffer)];
    for (const { ownerPool } of [on.database, on.logDatabase]) {
      const { rows } = await ownerPool.query<{ name: string }>(`SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'`);
      const texts = await Promise.all(rows.map(async ({ name }) => (await ownerPool.query<{ text: string }>(`SELECT t::text AS text FROM ${name} t`)).rows.map(({ text }) => text)));
      const dump = texts.flat().join('\n');
      expect([TASK, hexOf(TASK)].some((known) => dump.includes(known))).toBe(true);
      for (const secret of secrets) expect(dump.includes(secret)).toBe(false);
    }
  });

  it('the read model equals one rebuilt from the log', async () => {
    const comparison = await compareProjection(on.validation.get<EventStore>(EVENT_STORE), validationProjection);
    expect(comparison).toMatchObject({ equal: true, differences: [] });
    expect(comparison.rows).toBeGreaterThan(30);
  });

  it('the read model comes to the same rows over any split of the log', async () => {
    const store = on.validation.get<EventStore>(EVENT_STORE);
    expect(await differingSplits(store.pool, validationProjection, await store.readAll(0n, 10_000))).toEqual([]);
  });
});
