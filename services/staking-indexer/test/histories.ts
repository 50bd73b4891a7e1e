import fc from 'fast-check';
import { stakedBy, type ChainFact, type Fact, type StakeRole } from '../src/domain/facts.js';
import { goldenFacts } from './golden-facts.js';
import { placed } from './indexer.js';

const wallet = (digit: number): string => `eip155:31337:0x${String(digit).repeat(40)}`;
export const task = (digit: number): string => `0192f0c1-2b3c-7def-8123-45678900000${digit}`;

/** Stakes, withdrawals and slashes of a few wallets as contracts would log them: block by block, balances right. */
export function stakeHistory(seed: number, blocks: number): ChainFact[] {
  const place = fc.record({
    who: fc.integer({ min: 1, max: 4 }), where: fc.integer({ min: 1, max: 2 }), role: fc.constantFrom<StakeRole>('node', 'validator', 'participant'),
    amount: fc.bigInt(1n, 10n ** 24n), move: fc.integer({ min: 0, max: 5 }),
  });
  const [moves] = fc.sample(fc.array(place, { minLength: blocks * 3, maxLength: blocks * 3 }), { seed, numRuns: 1 });
  const held = new Map<string, bigint>();
  return moves!.flatMap(({ who, where, role, amount, move }, at): ChainFact[] => {
    const key = `${who} ${where} ${role}`;
    const before = held.get(key) ?? 0n;
    const of = { taskId: task(where), role, wallet: wallet(who) };
    const fact = ((): Fact => {
      if (move === 0 && before > 0n) return { kind: 'withdrawn', ...of, amount: before };
      if (move > 1 || before === 0n) return { kind: 'staked', ...of, amount, balance: before + amount };
      const fromOwner = before / 3n + 1n;
      return { kind: 'slashed', caseId: `0x${at}`, ...of, fromOwner, fromPool: 0n, toReporter: 0n, balance: before - fromOwner };
    })();
    held.set(key, before + stakedBy(fact));
    const number = 1 + Math.floor(at / 3);
    const opened: Fact = { kind: 'case-opened', caseId: `0x${at}`, taskId: of.taskId, role, accused: of.wallet, cap: before, own: before, counted: before, evidence: '0xe' };
    return [...(fact.kind === 'slashed' ? [placed(opened, number, at * 2)] : []), placed(fact, number, at * 2 + 1)];
  });
}

/** One history in which every kind of fact has its place. */
export const everyKind = (): ChainFact[] => {
  const dismissal = { ...goldenFacts['case-opened'], caseId: `0x${'d'.repeat(64)}` };
  const facts: Fact[] = Object.values(goldenFacts).flatMap((fact: Fact): Fact[] => (fact.kind === 'case-dismissed' ? [dismissal, { ...fact, caseId: dismissal.caseId }] : [fact]));
  return facts.map((fact, at) => placed(fact, 1 + Math.floor(at / 3), at));
};
