import { expect, test } from 'vitest';
import { rootOf } from '../../../test/outbox-fixtures.js';
import { CONTRACTS } from '../../../test/outbox-parts.js';
import type { ChainIntent } from '../../domain/outbox/intent.js';
import { callOf } from './intent-calls.js';
import { lookOnChain } from './intent-on-chain.js';
import type { ContractEvent, TransactionChain } from './ports.js';

type Reads = Pick<TransactionChain, 'read' | 'newestEvent' | 'eventsIn' | 'callOf'>;
type Found = Readonly<Record<string, unknown>>;

const taskId = '0192f0c1-2b3c-7def-8123-456789abcdef';
const finish = { kind: 'finish-task', taskId } as const;
const cancel = { kind: 'cancel-task', taskId } as const;
const event = (args: Found = {}, block = 5): ContractEvent => ({ args, block, transaction: '0x1' });

/** A chain of these views and events, by name; what was called is the intent's own call unless it is said. */
function chainOf(views: Found, events: Readonly<Record<string, readonly ContractEvent[]>> = {}, called = { to: '', data: '' }): Reads {
  return {
    read: async ({ functionName }) => views[functionName],
    newestEvent: async ({ eventName }) => events[eventName]?.at(-1),
    eventsIn: async ({ eventName }, block) => (events[eventName] ?? []).filter((one) => one.block === block),
    callOf: async () => called,
  };
}

const look = (intent: ChainIntent, chain: Reads) => lookOnChain(intent, CONTRACTS, chain, 9);
const ended = { status: 2, endedAt: 7n };

test('finished and cancelled are one status, and told apart by what the contract said', async () => {
  const finished = chainOf({ taskOf: ended }, { TaskFinished: [event({ released: false })] });
  const cancelled = chainOf({ taskOf: ended }, { TaskFinished: [event({ released: false })], TaskCancelled: [event()] });
  expect([await look(finish, finished), await look(cancel, cancelled)]).toEqual([{ is: 'same' }, { is: 'same' }]);
  expect(await look(finish, cancelled)).toEqual({ is: 'different', difference: 'the task is cancelled on chain, finished was decided' });
  expect(await look(cancel, finished)).toEqual({ is: 'different', difference: 'the task is finished on chain, cancelled was decided' });
});

test('a task that time has ended needs neither, and one that was never opened is not cancelled', async () => {
  const released = chainOf({ taskOf: ended }, { TaskFinished: [event({ released: true })] });
  expect([await look(finish, released), await look(cancel, released)]).toEqual([{ is: 'same' }, { is: 'same' }]);
  const unknown = chainOf({ taskOf: { status: 0, endedAt: 0n } });
  expect(await look(cancel, unknown)).toEqual({ is: 'needless', reason: 'the task was never opened on chain' });
  expect(await look(finish, unknown)).toEqual({ is: 'absent' });
});

test('the end of a final validation is not taken from the end of a task that had none', async () => {
  const end = { kind: 'end-final-validation', taskId } as const;
  expect(await look(end, chainOf({ taskOf: { status: 1, endedAt: 0n } }))).toEqual({ is: 'absent' });
  expect(await look(end, chainOf({ taskOf: { status: 1, endedAt: 7n } }))).toEqual({ is: 'same' });
  expect(await look(end, chainOf({ taskOf: ended }))).toMatchObject({ is: 'needless' });
  expect(await look(end, chainOf({ taskOf: ended }, { FinalValidationEnded: [event()] }))).toEqual({ is: 'same' });
});

test('a log that an endpoint lacks is waited for: it is no difference', async () => {
  await expect(look(finish, chainOf({ taskOf: ended }))).rejects.toMatchObject({ rejection: { code: 'unavailable', rule: 'log-missing', retriable: true } });
});

test('a root is absent until the contract takes it, needless behind a later one, and compared when it is there', async () => {
  const roots = (next: bigint, found: Found = { activeFrom: 0n }): Reads => chainOf({ rootOf: found, nextRootEpoch: next });
  expect(await look(rootOf(4) as ChainIntent, roots(4n))).toEqual({ is: 'absent' });
  expect(await look(rootOf(4) as ChainIntent, roots(7n))).toEqual({ is: 'needless', reason: 'overtaken by the root of epoch 6' });
  expect(await look(rootOf(4) as ChainIntent, roots(5n, { activeFrom: 9n, hash: `0x${'ab'.repeat(32)}`, sum: 4n }))).toEqual({ is: 'different', difference: 'sum is 4 on chain, 5 was decided' });
});

test('a slash by way of another contract is judged by what it took, a direct one by its call', async () => {
  const slash = { kind: 'slash', caseId: `0x${'1'.repeat(64)}`, amount: 5n } as const;
  const took = (units: bigint, called?: { to: string; data: string }): Reads =>
    chainOf({ caseOf: { status: 2 } }, { Slashed: [event({ fromOwner: units, fromPool: 0n })] }, called);
  const ours = callOf(slash, CONTRACTS);
  expect(await look(slash, took(3n, ours))).toEqual({ is: 'same' });
  expect(await look(slash, took(3n, { to: CONTRACTS.taskStaking, data: '0x' }))).toMatchObject({ is: 'different' });
  expect(await look(slash, took(3n, { to: CONTRACTS.rewards, data: ours.data }))).toEqual({ is: 'same' });
  expect(await look(slash, took(6n, { to: CONTRACTS.rewards, data: ours.data }))).toEqual({ is: 'different', difference: 'the slash took 6 on chain, 5 was decided' });
});
