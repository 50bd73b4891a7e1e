import { MAX_EVENT_BYTES } from '@skein/events';
import { encodePayload, fold } from '@skein/kernel';
import { specOf } from '@skein/testing';
import { expect, test } from 'vitest';
import { grantsDecider } from './grants.decider.js';
import type { DecidedGrant, GrantsDecided, RootDecided } from './grants.events.js';

const spec = specOf(grantsDecider);
const account = (digit: string): string => `0x${digit.repeat(40)}`;
const atOnce = (digit: string, units: bigint): DecidedGrant => ({ account: account(digit), taskId: '', units, start: 0n, duration: 0n });
const decided = (number: number, cause: string, ...grants: DecidedGrant[]): GrantsDecided => ({ type: 'skein.staking.grants.decided.v1', data: { number, cause, grants } });
const root = (epoch: bigint, sum: bigint, decisions: number): RootDecided => ({ type: 'skein.staking.root.decided.v1', data: { epoch, root: '0xr', sum, decisions } });
const first = decided(1, 'tasks/a/epochs/1', atOnce('1', 5n), atOnce('2', 7n));

test('decisions are counted and added up; what grants nothing is none', () => {
  spec.given().when({ kind: 'add', cause: 'tasks/a/epochs/1', grants: [atOnce('1', 5n), atOnce('3', 0n), atOnce('2', 7n)] }).then(first);
  spec.given(first).when({ kind: 'add', cause: 'c', grants: [atOnce('1', 0n)] }).then();
  spec.given(first).when({ kind: 'add', cause: 'c', grants: [atOnce('1', 1n)] }).thenState((state) => expect(state).toEqual({ decisions: 2, sum: 13n, lastEpoch: -1n }));
});

test('nothing is taken away, and nobody unknown is paid', () => {
  const refused = (grant: DecidedGrant) => spec.given(first).when({ kind: 'add', cause: 'c', grants: [grant] }).thenRejected({ rule: 'grant-field' });
  refused(atOnce('1', -1n));
  refused({ ...atOnce('1', 1n), account: 'eip155:1:0x1' });
  refused({ ...atOnce('1', 1n), duration: 5n });
});

test('a root is over every decision that is known, states their sum, and comes once for its epoch', () => {
  const decide = { kind: 'decide-root', epoch: 4n, root: '0xr', sum: 12n, decisions: 1 } as const;
  spec.given(first).when(decide).then(root(4n, 12n, 1));
  spec.given(first).when({ ...decide, sum: 13n }).thenRejected({ rule: 'root-sum-differs' });
  spec.given(first, decided(2, 'c', atOnce('1', 1n))).when(decide).thenRejected({ rule: 'grants-moved-on' });
  spec.given(first, root(4n, 12n, 1)).when(decide).thenRejected({ rule: 'epoch-has-root' });
  spec.given(first, root(4n, 12n, 1)).when({ ...decide, epoch: 5n }).then(root(5n, 12n, 1));
});

test('a decision that pays more accounts than an event holds is told in parts, and added up whole', () => {
  const most = (1n << 128n) - 1n;
  const crowd = Array.from({ length: 501 }, (_, at): DecidedGrant => ({
    account: `0x${at.toString(16).padStart(40, '0')}`, taskId: '0192f0c1-2b3c-7def-8123-456789abcdef', units: most, start: (1n << 40n) - 1n, duration: (1n << 40n) - 1n,
  }));
  const told = grantsDecider.decide({ kind: 'add', cause: 'tasks/0192f0c1-2b3c-7def-8123-456789abcdef/final', grants: crowd }, grantsDecider.initialState());
  if (!told.ok) return expect.unreachable();
  expect(told.value.map(({ data }) => (data as GrantsDecided['data']).grants.length)).toEqual([250, 250, 1]);
  for (const event of told.value) expect(Buffer.byteLength(JSON.stringify(encodePayload(event)))).toBeLessThan(MAX_EVENT_BYTES);
  expect(fold(grantsDecider, told.value)).toEqual({ decisions: 3, sum: 501n * most, lastEpoch: -1n });
});
