import { create } from '@bufbuild/protobuf';
import { PositionChangedSchema } from '@skein/contracts/staking';
import type { Delivery } from '@skein/messaging';
import { expect, test } from 'vitest';
import type { FederationDesk } from '../src/application/federation-desk.js';
import { SlashesConsumer } from '../src/interface/slashes.consumer.js';
import { TASK_ID } from './story.js';

const caseId = `0x${'1'.repeat(64)}`;
const delivery = { metadata: (actor: string) => ({ correlationId: 'c', actor }) } as unknown as Delivery;

async function given(cause: { kind: string; caseId: string; task: string }): Promise<unknown[]> {
  const commands: unknown[] = [];
  const desk = { give: async (taskId: string, origin: unknown, command: () => object) => void commands.push({ taskId, origin, ...command() }) };
  const consumer = new SlashesConsumer(desk as unknown as FederationDesk);
  await consumer.handle(create(PositionChangedSchema, { wallet: 'w', cause }), delivery);
  return commands;
}

test('a final slash of a federated round closes its case; what else changes a position does not', async () => {
  const origin = { metadata: { correlationId: 'c', actor: 'service:fl-aggregator' } };
  expect(await given({ kind: 'federation-slashed', caseId, task: `tasks/${TASK_ID}` })).toEqual([{ taskId: TASK_ID, origin, kind: 'finalise-slash', caseId }]);
  expect(await given({ kind: 'slashed', caseId, task: `tasks/${TASK_ID}` })).toEqual([]);
  expect(await given({ kind: 'federation-joined', caseId: '', task: '' })).toEqual([]);
  // From before positions named the task.
  expect(await given({ kind: 'federation-slashed', caseId: '', task: '' })).toEqual([]);
});
