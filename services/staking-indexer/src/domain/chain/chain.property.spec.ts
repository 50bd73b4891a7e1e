import { fold, unwrap } from '@skein/kernel';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { blockOf, factIn, stakedFact, started } from '../../../test/chain-fixtures.js';
import { stakedBy, type BlockRef, type ChainFact } from '../facts.js';
import type { ChainCommand } from './chain.commands.js';
import { chainDecider } from './chain.decider.js';
import type { ChainEvent } from './chain.events.js';

/** A chain that grows, forks at most two blocks deep, and puts a fork's transactions into other blocks at other places. */
class ForkingChain {
  blocks: { ref: BlockRef; facts: ChainFact[] }[] = [{ ref: blockOf(0), facts: [] }];
  #transactions = 0;
  #branch = 0;

  grow(amounts: readonly bigint[], moved: readonly ChainFact[] = []): void {
    const ref = blockOf(this.blocks.length, this.#branch === 0 ? 'a' : `f${this.#branch}-`);
    const again = moved.map((old, at) => factIn(ref, old.txHash.slice(2), at, old.fact));
    const fresh = amounts.map((amount, at) =>
      factIn(ref, `t${(this.#transactions += 1)}`, again.length + at, stakedFact(amount)),
    );
    this.blocks.push({ ref, facts: [...again, ...fresh] });
  }

  fork(depth: number, shift: boolean): void {
    const left = this.blocks.splice(Math.max(1, this.blocks.length - depth));
    this.#branch += 1;
    const carried = left.map((block) => block.facts);
    if (shift) this.grow([7n]);
    for (const facts of carried) this.grow([], facts);
  }

  at(back: number): BlockRef {
    return this.blocks[Math.max(0, this.blocks.length - 1 - back)]!.ref;
  }
}

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('grow' as const), amounts: fc.array(fc.bigInt(1n, 50n), { maxLength: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fork' as const), depth: fc.integer({ min: 1, max: 2 }), shift: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('follow' as const), overlap: fc.integer({ min: 0, max: 5 }) }) },
);

/** What the follower does with the chain as it stands; gives each command until nothing is left to decide. */
function follow(chain: ForkingChain, history: ChainEvent[], overlap: number): void {
  const give = (command: ChainCommand): void => {
    for (;;) {
      const events = unwrap(chainDecider.decide(command, fold(chainDecider, history)));
      if (events.length === 0) return;
      history.push(...events);
    }
  };
  const canonical = (ref: BlockRef): boolean => chain.blocks[ref.number]?.ref.hash === ref.hash;
  const state = fold(chainDecider, history);
  if (!canonical(state.cursor)) give({ kind: 'revert', ancestor: state.blocks.findLast(canonical)! });
  const { cursor } = fold(chainDecider, history);
  const [from, to, finalised] = [Math.max(1, cursor.number + 1 - overlap), chain.at(0), chain.at(2)];
  if (to.number < from) return;
  const logs = chain.blocks.slice(from).flatMap((block) => block.facts);
  const totalStaked = chain.blocks
    .slice(0, finalised.number + 1)
    .reduce((sum, block) => sum + block.facts.reduce((inner, { fact }) => inner + stakedBy(fact), 0n), 0n);
  give({ kind: 'advance', from, to, logs, finalised, totalStaked });
}

test('whatever the chain does within its finality, every fact of the final chain counts exactly once', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const chain = new ForkingChain();
      const history: ChainEvent[] = [started()];
      let followedTo = 0;
      for (const action of steps) {
        if (action.kind === 'grow') chain.grow(action.amounts);
        // The blocks that were final when we last looked stay.
        else if (action.kind === 'fork') chain.fork(Math.min(action.depth, chain.blocks.length - 1 - followedTo), action.shift);
        else {
          follow(chain, history, action.overlap);
          followedTo = chain.at(2).number;
        }
      }
      chain.grow([]);
      chain.grow([]);
      follow(chain, history, 3);
      const expected = chain.blocks.flatMap((block) => block.facts).reduce((sum, { fact }) => sum + stakedBy(fact), 0n);
      expect(fold(chainDecider, history).stakedFinal).toBe(expected);
    }),
    { numRuns: 300, seed: 31337 },
  );
});
