import { FakeClock } from '@skein/testing';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { FakeChain } from '../../../test/outbox-fake-chain.js';
import { mint } from '../../../test/outbox-fixtures.js';
import { MemoryOutbox } from '../../../test/outbox-memory.js';
import { CONTRACTS, testSigner } from '../../../test/outbox-parts.js';
import { RunOutbox } from './run-outbox.js';

const HOOK = Symbol.for('skein.failpoint');
afterEach(() => void Reflect.deleteProperty(globalThis, HOOK));

/** The process dies at the `at`th step between two effects that it comes to. */
function dieAt(at: number): void {
  let left = at;
  Reflect.set(globalThis, HOOK, (name: string) => {
    if (name.startsWith('outbox.') && (left -= 1) < 0) throw new Error('killed');
  });
}

const move = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), dieAt: fc.integer({ min: 0, max: 8 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('mine' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fork' as const), depth: fc.integer({ min: 1, max: 2 }), forgets: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('dear' as const), baseFee: fc.bigInt(5n, 200n) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(2_000, 20_000, 70_000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('accept' as const), epoch: fc.integer({ min: 0, max: 20 }) }) },
);

async function play(moves: readonly (typeof move extends fc.Arbitrary<infer M> ? M : never)[]): Promise<{ chain: FakeChain; outbox: MemoryOutbox; wanted: Set<bigint> }> {
  const [outbox, clock, chain, wanted] = [new MemoryOutbox(), new FakeClock(), new FakeChain(3), new Set<bigint>()];
  const signer = testSigner(`0x${'17'.repeat(32)}`);
  const born = (): RunOutbox => new RunOutbox(outbox, { chainId: 31337, contracts: CONTRACTS, signer, chain, clock, flightsMax: 4 });
  let run = born();
  for (const next of moves) {
    if (next.kind === 'pass') {
      dieAt(next.dieAt);
      await run.step().catch(() => (run = born()));
    } else if (next.kind === 'mine') chain.mine();
    else if (next.kind === 'fork') chain.fork(next.depth, next.forgets);
    else if (next.kind === 'forget') chain.forget();
    else if (next.kind === 'dear') chain.baseFee = next.baseFee;
    else if (next.kind === 'wait') clock.advance(next.ms);
    else if (!wanted.has(BigInt(next.epoch))) {
      wanted.add(BigInt(next.epoch));
      await outbox.give({ kind: 'accept', intent: mint(next.epoch), nowMs: 0 });
    }
  }
  Reflect.deleteProperty(globalThis, HOOK);
  for (let round = 0; round < 60 && (await outbox.state()).open.length > 0; round += 1) {
    await run.step();
    chain.mine();
    clock.advance(70_000);
  }
  return { chain, outbox, wanted };
}

test('whatever dies, forks, gets lost or gets dear: each intent has its effect once, no transaction fails, no nonce is left out', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(move, { maxLength: 50 }), async (moves) => {
      const { chain, outbox, wanted } = await play(moves);
      const { history } = chain;
      expect((await outbox.state()).open).toEqual([]);
      expect(history.map(({ succeeded }) => succeeded)).toEqual(history.map(() => true));
      expect(new Set(history.map(({ epoch }) => epoch))).toEqual(wanted);
      expect(history.map(({ nonce }) => nonce)).toEqual([...wanted].map((_, at) => 3 + at));
      const how = outbox.history.flatMap((event) => (event.type === 'skein.staking.intent.settled.v1' ? [event.data.how] : []));
      expect(how).toEqual([...wanted].map(() => 'mined'));
    }),
    { numRuns: 150 },
  );
});
