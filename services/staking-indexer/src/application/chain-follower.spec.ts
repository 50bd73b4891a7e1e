import { metrics } from '@opentelemetry/api';
import { eventually } from '@skein/testing';
import { expect, test } from 'vitest';
import { ChainFollower } from './chain-follower.js';
import { ChainTrouble } from './chain-source.js';
import type { Halt } from './chain-status.js';
import type { FollowChain, Step } from './follow-chain.js';

const head = { number: 9, hash: '0x9', parentHash: '0x8', mayHoldFacts: false };
const step = (parts: Partial<Step> = {}): Step => ({
  heads: { latest: head, safe: head, finalised: head },
  indexed: head,
  finalised: head,
  behind: false,
  ...parts,
});
const QUIET = { latest: head, safe: head, finalised: head };
const halted = step({ halted: { code: 'failed-precondition', rule: 'totals-differ', message: 'they differ' } });

/** A follower over scripted looks; the last one repeats. Each is a new object, but the quiet one. */
function followerOver(looks: (Step | Error)[]): { follower: ChainFollower; written: Step[]; halts: Halt[]; errors: object[]; warnings: object[] } {
  const [written, halts, errors, warnings]: [Step[], Halt[], object[], object[]] = [[], [], [], []];
  const follow = {
    step: async () => {
      const look = looks.length > 1 ? looks.shift()! : looks[0]!;
      if (look instanceof Error) throw look;
      return look.heads === QUIET ? look : { ...look };
    },
  } as Partial<FollowChain> as FollowChain;
  const board = {
    write: async (_chain: number, look: Step) => void written.push(look),
    halt: async (_chain: number, halt: Halt) => void halts.push(halt),
    read: async () => undefined,
  };
  const log = { warn: (fields: object) => void warnings.push(fields), error: (fields: object) => void errors.push(fields) };
  const follower = new ChainFollower({ chainId: 1, follow, board, meter: metrics.getMeter('test'), log, pollMs: 1 });
  return { follower, written, halts, errors, warnings };
}

test('a look that ends with the heads is not written down again', async () => {
  const quiet = step({ heads: QUIET });
  const { follower, written } = followerOver([quiet, quiet, quiet, step(), quiet, step()]);
  follower.start();
  await eventually(() => expect(written.length).toBeGreaterThan(2));
  await follower.stop();
  expect(written.slice(0, 3).map((look) => look === quiet)).toEqual([true, false, true]);
});

test('every look is written down, and a chain that cannot be believed is reported once per rule', async () => {
  const { follower, written, errors } = followerOver([step({ behind: true }), halted, halted, step(), halted, step()]);
  expect(follower.ready()).toBe(false);
  follower.start();
  await eventually(() => expect(written.length).toBeGreaterThan(6));
  expect(follower.ready()).toBe(true);
  await follower.stop();
  expect(errors).toEqual([expect.objectContaining({ rule: 'totals-differ' }), expect.objectContaining({ rule: 'totals-differ' })]);
});

test('a chain that cannot be reached is asked again, and being stopped does not wait for it', async () => {
  const { follower, written, warnings } = followerOver([new Error('refused'), new Error('refused'), step()]);
  follower.start();
  await eventually(() => expect(written.length).toBeGreaterThan(0));
  expect(warnings).toMatchObject([{ failures: 1 }, { failures: 2 }]);
  await follower.stop();
  const count = written.length;
  await follower.stop();
  expect(written.length).toBe(count);
});

test('an outage is a halt by name, written down once; it makes the service not ready when it lasts, and ends by itself', async () => {
  const outage = new ChainTrouble('rate-limited', 'slow down');
  const looks = [step(), outage, outage, outage, outage];
  const { follower, written, halts, warnings } = followerOver(looks);
  follower.start();
  await eventually(() => expect(warnings.length).toBeGreaterThan(2));
  expect([follower.ready(), follower.waitsFor()]).toEqual([false, 'chain 1 halted: rate-limited']);
  expect(halts).toEqual([{ rule: 'rate-limited', reason: 'slow down', lasting: false }]);
  looks.push(step());
  await eventually(() => expect(follower.ready()).toBe(true));
  expect(written.length).toBeGreaterThan(1);
  await follower.stop();
});

test('what waits for an operator says so; endpoints that are missing are a notice, not an outage', async () => {
  const missing = { reached: 1, wanted: 2, missing: 'b is down' };
  const looks: Step[] = [step({ halted: { ...halted.halted!, rule: 'finality-violated' }, lasting: true })];
  const { follower } = followerOver(looks);
  follower.start();
  await eventually(() => expect(follower.waitsFor()).toBe('chain 1 halted: finality-violated, until an operator resumes it'));
  expect(follower.ready()).toBe(false);
  looks.push(step({ heads: { latest: head, safe: head, finalised: head, agreement: missing } }));
  await eventually(() => expect(follower.notice()).toBe('chain 1: 1 of 2 endpoints in reach, nothing becomes final'));
  expect(follower.ready()).toBe(true);
  await follower.stop();
});

test('a wish to be asked later is obeyed', async () => {
  const { follower, warnings } = followerOver([new ChainTrouble('rate-limited', 'slow down', { retryAfterMs: 100_000 })]);
  follower.start();
  await eventually(() => expect(warnings).toHaveLength(1));
  await new Promise((resolve) => setImmediate(resolve));
  await follower.stop();
  expect(warnings).toHaveLength(1);
});
