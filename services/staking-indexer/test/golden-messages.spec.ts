import { existsSync, readFileSync } from 'node:fs';
import { fromBinary, toBinary, toJson, type DescMessage } from '@bufbuild/protobuf';
import { CaseChangedSchema, FinalityReachedSchema, PoolChangedSchema, PositionChangedSchema as PositionSchema, SigmaChangedSchema } from '@skein/contracts/staking';
import type { RecordedEvent } from '@skein/events';
import { federationCaseId, fold } from '@skein/kernel';
import type { Publication } from '@skein/messaging';
import { expect, test } from 'vitest';
import { caseDecider } from '../src/domain/case/case.decider.js';
import { poolDecider } from '../src/domain/pool/pool.decider.js';
import type { PoolChanged } from '../src/domain/pool/pool.events.js';
import { casesPublication, poolsPublication, positionsPublication, sigmasPublication } from '../src/publish/positions.publication.js';
import { goldenCopyEvents } from './golden-copy-events.js';
import { goldenEvents } from './golden-events.js';
import { goldenFacts } from './golden-facts.js';
import { goldenPoolEvents } from './golden-pool-events.js';

const recorded = (event: { type: string; data: unknown }): RecordedEvent => ({
  type: event.type,
  data: event.data,
  streamId: 'stream-x',
  version: 5,
  position: 9n,
  eventId: '00000000-0000-8000-8000-000000000001',
  schemaVersion: 1,
  metadata: { correlationId: 'chain-31337', causationId: 'cause', actor: 'pools' },
  recordedAtMs: 1000,
});
const [pool, slashed] = goldenPoolEvents;
const [sigma, finality] = goldenCopyEvents;
const opened = { ...slashed!, data: { ...slashed!.data, fact: goldenFacts['case-opened'] } };

test.each<[string, Publication, { type: string; data: unknown }, DescMessage]>([
  ['pool-changed', poolsPublication, pool!, PoolChangedSchema],
  ['sigma-changed', sigmasPublication, sigma!, SigmaChangedSchema],
  ['finality-reached', positionsPublication, finality!, FinalityReachedSchema],
  ['case-changed', casesPublication, slashed!, CaseChangedSchema],
  ['case-opened', casesPublication, opened, CaseChangedSchema],
])('the public event %s is what it was first', (name, publication, event, schema) => {
  const message = publication.map(recorded(event))!;
  const decoded = fromBinary(schema, message.value);
  const said = { key: message.key, json: toJson(schema, decoded), bytes: Buffer.from(message.value).toString('hex') };
  const file = new URL(`./golden/${name}.json`, import.meta.url);
  expect(existsSync(file)).toBe(true);
  expect(said).toEqual(JSON.parse(readFileSync(file, 'utf8')));
  expect(toBinary(schema, decoded)).toEqual(message.value);
});

test('a slash’s position names its case, and a stake in a federated task counts as a participant’s, in whichever contract it lies', () => {
  const position = goldenEvents.find(({ type }) => type === 'skein.staking.position.changed.v1')!;
  const { taskId, stake } = goldenFacts['federation-joined'];
  const data = {
    ...position.data,
    fact: goldenFacts.slashed,
    stakes: [{ taskId, role: 'participant', units: 2n }],
    memberships: [{ taskId: '0192f0c1-2b3c-7def-8123-000000000000', units: 7n }, { taskId, units: stake }],
  };
  const message = JSON.parse(JSON.stringify(toJson(PositionSchema, fromBinary(PositionSchema, positionsPublication.map(recorded({ ...position, data }))!.value)))) as {
    stakes: unknown; cause: unknown;
  };
  expect(message.stakes).toEqual([
    { task: 'tasks/0192f0c1-2b3c-7def-8123-000000000000', role: 'participant', units: '7' },
    { task: `tasks/${taskId}`, role: 'participant', units: String(stake + 2n) },
  ]);
  expect(message.cause).toMatchObject({ kind: 'slashed', caseId: goldenFacts.slashed.caseId, task: `tasks/${goldenFacts.slashed.taskId}` });
});

test('a slash of a federated round names the case that the aggregator knows it by', () => {
  const position = goldenEvents.find(({ type }) => type === 'skein.staking.position.changed.v1')!;
  const fact = goldenFacts['federation-slashed'];
  const { value } = positionsPublication.map(recorded({ ...position, data: { ...position.data, fact } }))!;
  expect(fromBinary(PositionSchema, value).cause).toMatchObject({
    kind: 'federation-slashed', caseId: federationCaseId(fact.taskId, fact.round + 1, fact.wallet), task: `tasks/${fact.taskId}`,
  });
});

test('stored pools and cases still fold', () => {
  expect(fold(poolDecider, [pool as PoolChanged])).toMatchObject({ owner: goldenFacts['pool-created'].owner, closed: false });
  expect(fold(caseDecider, [slashed as never]).status).toBe('ended');
});
