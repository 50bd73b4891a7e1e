import { metrics } from '@opentelemetry/api';
import { eventually } from '@skein/testing';
import { expect, test } from 'vitest';
import { ChainFollower } from './chain-follower.js';
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
function followerOver(looks: (Step | Error)[]): { follower: ChainFollower; written: Step[]; errors: object[]; warnings: object[] } {
  const [written, errors, warnings]: [Step[], object[], object[]] = [[], [], []];
  const follow = {
    step: async () => {
      const look = looks.length > 1 ? looks.shift()! : looks[0]!;
      if (look instanceof Error) throw look;
      return look.heads === QUIET ? look : { ...look };
    },
  } as Partial<FollowChain> as FollowChain;
  const board = { write: async (_chain: number, look: Step) => void written.push(look), read: async () => undefined };
  const log = { warn: (fields: object) => void warnings.push(fields), error: (fields: object) => void errors.push(fields) };
  const follower = new ChainFollower({ chainId: 1, follow, board, meter: metrics.getMeter('test'), log, pollMs: 1 });
  return { follower, written, errors, warnings };
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
