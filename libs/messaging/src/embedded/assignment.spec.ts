import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planFor, preferredMember } from './assignment.js';
import type { LeaseRow, MemberRow } from './log-database.js';

const TOPICS = ['arena.task.v1', 'billing.ledger.v1', 'staking.position.v1'];
const roster = (count: number): MemberRow[] => Array.from({ length: count }, (_, n) => ({ member: `m${n}`, group: 'g', topics: TOPICS }));
const leasesOf = (holders: readonly (string | null)[]): LeaseRow[] =>
  holders.map((member, id) => ({ id, topic: TOPICS[id % 3]!, partition: Math.floor(id / 3), group: 'g', member, epoch: 0n, committed: 0n }));

describe('assignment', () => {
  it('gives every partition to exactly one live member, evenly per topic', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 12 }), (members, partitions) => {
        for (const topic of TOPICS) {
          const counts = new Map<string, number>();
          for (let partition = 0; partition < partitions; partition++) {
            const member = preferredMember({ id: 0, topic, partition }, roster(members))!;
            counts.set(member, (counts.get(member) ?? 0) + 1);
          }
          const all = roster(members).map(({ member }) => counts.get(member) ?? 0);
          expect(Math.max(...all) - Math.min(...all)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it('comes to rest from any state, without two members ever claiming the same or taking from the living', () => {
    const holder = fc.option(fc.constantFrom('m0', 'm1', 'm2', 'm3', 'dead'), { nil: null });
    fc.assert(
      fc.property(fc.array(holder, { minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 4 }), (holders, members) => {
        const live = roster(members);
        const state: (string | null)[] = [...holders];
        for (let round = 0; round < 3; round++) {
          for (const { member } of live) {
            const plan = planFor(member, leasesOf(state), live);
            for (const id of plan.handBack) state[id] = null;
            for (const id of plan.claim) {
              expect(live.map((row) => row.member)).not.toContain(state[id]);
              state[id] = member;
            }
          }
        }
        for (const [id, lease] of leasesOf(state).entries()) expect(state[id]).toBe(preferredMember(lease, live));
      }),
    );
  });

  it('leaves topics alone that nobody subscribes to', () => {
    const narrow = [{ member: 'm0', group: 'g', topics: ['arena.task.v1'] }];
    expect(planFor('m0', leasesOf([null, null, null]), narrow)).toEqual({ claim: [0], handBack: [] });
    expect(preferredMember({ id: 1, topic: 'billing.ledger.v1', partition: 0 }, narrow)).toBeUndefined();
  });
});
