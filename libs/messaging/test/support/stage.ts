import { eventsMigrations } from '@skein/events';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { EmbeddedEventLog } from '../../src/embedded/embedded-event-log.js';
import { eventLogMigrations, messagingMigrations } from '../../src/migrations.js';

/** An embedded log and a service's database for a whole spec; each test has a topic of one partition and a group of its own. */
export class MessagingStage {
  service!: TestDatabase;
  log!: EmbeddedEventLog;
  topic = '';
  group = '';
  /** What the handlers of the test have done. */
  effects: string[] = [];
}

/** Registers the hooks. */
export function messagingStage(): MessagingStage {
  const stage = new MessagingStage();
  let database: TestDatabase;
  let count = 0;
  beforeAll(async () => {
    [database, stage.service] = await Promise.all([freshDatabase(eventLogMigrations), freshDatabase(eventsMigrations, messagingMigrations)]);
    stage.log = new EmbeddedEventLog({ url: database.appUrl });
  });
  afterAll(async () => {
    await stage.log.close();
    await Promise.all([database.drop(), stage.service.drop()]);
  });
  beforeEach(async () => {
    count += 1;
    [stage.topic, stage.group, stage.effects] = [`notes.${count}`, `group-${count}`, []];
    await stage.log.createTopics([{ topic: stage.topic, partitions: 1, retention: 'infinite' }]);
  });
  return stage;
}
