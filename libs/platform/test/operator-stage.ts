import { create, toBinary } from '@bufbuild/protobuf';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { inboxOnce, JobWorker, type Projection } from '@skein/events';
import { EmbeddedEventLog, eventLogMigrations, onMessage, sourceOf, type MessageHandler, type PublicMessage } from '@skein/messaging';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import { POOL, type OpenWorkflow, type ServiceContext } from '../src/index.js';
import { OPERATOR_TOKEN, stage, type RestAnswer, type Stage } from './harness.js';
import type { Pool } from 'pg';

const seen: Projection = {
  name: 'seen',
  version: 1,
  tables: 'CREATE TABLE thing (id text PRIMARY KEY, times int NOT NULL);',
  apply: async (tx, { streamId }) => void (await tx.query('INSERT INTO thing VALUES ($1, 1) ON CONFLICT (id) DO UPDATE SET times = thing.times + 1', [streamId])),
};

/** What the handlers of the stage do, and did. */
export interface Faults {
  /** Messages that begin with "bad" fail while this is true. */
  broken: boolean;
  readonly effects: string[];
  open: OpenWorkflow[];
  jobFails: boolean;
}

/** A message as the tests send it; `headers` in the place of the right ones. */
interface Sent {
  readonly topic: string;
  readonly key: string;
  readonly text: string;
  readonly headers?: Record<string, string>;
}

/** A service with everything that an operator can ask about. */
export interface OperatorStage {
  readonly stage: Stage;
  readonly faults: Faults;
  send(...messages: Sent[]): Promise<void>;
  /** As the operator, over REST. */
  call(method: 'GET' | 'POST', path: string, body?: Record<string, unknown>): Promise<RestAnswer>;
  close(): Promise<void>;
}

const noted = 'skein.test.noted.v1';

function handlerOf(context: ServiceContext, topic: string, faults: Faults): MessageHandler {
  return onMessage({
    topic, type: noted, schema: StringValueSchema,
    handle: async ({ value }, { inbox }) => {
      if (faults.broken && value.startsWith('bad')) throw new Error('odd note');
      await inboxOnce(context.get<Pool>(POOL), inbox, async () => void faults.effects.push(value));
    },
  });
}

export async function operatorStage(): Promise<OperatorStage> {
  const database: TestDatabase = await freshDatabase(eventLogMigrations);
  const log = new EmbeddedEventLog({ url: database.appUrl });
  await log.createTopics([{ topic: 'test.parked.v1', partitions: 1, retention: 'infinite' }, { topic: 'test.money.v1', partitions: 1, retention: 'infinite' }]);
  const faults: Faults = { broken: true, effects: [], open: [], jobFails: true };
  const timing = { retryDelayMs: 1, backoffFirstMs: 2, backoffMaxMs: 10 };
  const made = await stage({
    adapters: { log },
    define: (base) => ({
      ...base,
      projections: [seen],
      consumers: (context) => [
        { group: 'test.parked', policy: 'park', timing, handlers: [handlerOf(context, 'test.parked.v1', faults)] },
        { group: 'test.money', policy: 'stop', timing, handlers: [handlerOf(context, 'test.money.v1', faults)] },
      ],
      workflows: () => [{ name: 'errand', open: async (limit) => faults.open.slice(0, limit) }],
      workers: (context) => [new JobWorker({ pool: context.get<Pool>(POOL), kind: 'errand', maxAttempts: 2, retryMs: 1, onError: () => undefined, handle: async (_job, { heartbeat }) => {
        await heartbeat({ step: 1n });
        if (faults.jobFails) throw new Error('no road');
      } })],
    }),
  });
  let sent = 0;
  const message = ({ topic, key, text, headers }: Sent): PublicMessage => {
    const id = `m-${(sent += 1)}`;
    return { topic, key, id, type: noted, timeMs: 1_700_000_000_000 + sent, value: toBinary(StringValueSchema, create(StringValueSchema, { value: text })), headers: { ce_specversion: '1.0', ce_id: id, ce_type: noted, ce_source: sourceOf(topic), ...headers } };
  };
  return {
    stage: made, faults,
    send: (...messages) => log.send(messages.map(message)),
    call: (method, path, body) => made.rest(method, path, { headers: { authorization: `Bearer ${OPERATOR_TOKEN}` }, ...(body === undefined ? {} : { body }) }),
    close: async () => {
      await made.close();
      await log.close();
      await database.drop();
    },
  };
}
