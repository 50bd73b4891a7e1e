import { fold } from '@skein/kernel';
import { specOf } from '@skein/testing';
import { expect, test } from 'vitest';
import { blockOf, factIn, finalised, finalisedAtOnce, moved, observed, reverted, stakedFact, started } from '../../../test/chain-fixtures.js';
import type { AdvanceChain } from './chain.commands.js';
import { chainDecider, CHECKPOINT_BLOCKS, EVENTS_MAX, FACTS_PER_EVENT } from './chain.decider.js';
import type { ChainEvent } from './chain.events.js';

const spec = specOf(chainDecider);
const advance = (from: number, to: number, parts: Partial<AdvanceChain> = {}): AdvanceChain => ({
  kind: 'advance',
  from,
  to: blockOf(to),
  logs: [],
  finalised: blockOf(0),
  ...parts,
});
const [one, two, three] = [blockOf(1), blockOf(2), blockOf(3)];

test('following starts once, and never on another chain', () => {
  const start = { kind: 'start', chainId: 31337, genesis: blockOf(0), cursor: one } as const;
  spec.given().when(start).then(started(one));
  spec.given(started(one)).when({ ...start, cursor: two }).then();
  spec.given(started(one)).when({ ...start, genesis: blockOf(0, 'b') }).thenRejected({ rule: 'another-chain' });
  spec.given(started(one)).when({ ...start, chainId: 1 }).thenRejected({ rule: 'another-chain' });
  spec.given().when(advance(1, 2)).thenRejected({ rule: 'not-started' });
});

test('a log is observed when it is safe and finalised when its block is', () => {
  const stake = factIn(two, 't1');
  spec.given(started()).when(advance(1, 3, { logs: [stake] })).then(observed(stake), moved(three, blockOf(0)));
  spec
    .given(started(), observed(stake), moved(three, blockOf(0)))
    .when(advance(2, 3, { logs: [stake], finalised: two }))
    .then(finalised(stake, two), moved(three, two));
});

test('what is final when it is first read becomes so at once, up to what has been read', () => {
  const stake = factIn(two, 't1');
  spec
    .given(started())
    .when(advance(1, 3, { logs: [stake], finalised: blockOf(900) }))
    .then(finalisedAtOnce([stake], three), moved(three, three));
});

test('reading a range again changes nothing', () => {
  const stake = factIn(two, 't1');
  const history = [started(), observed(stake), finalised(stake, three), moved(three, three)];
  spec.given(...history).when(advance(2, 3, { logs: [stake], finalised: three })).then();
});

test('a log that an earlier answer lacked is taken in later, as long as its block is not final', () => {
  const late = factIn(two, 't0');
  spec.given(started(), moved(three, one)).when(advance(1, 3, { logs: [late], finalised: two })).then(finalisedAtOnce([late], two), moved(three, two));
});

test('a log that comes to light below the final block is refused by name, and taken once an operator has looked at it', () => {
  const [late, later] = [factIn(one, 't0'), factIn(blockOf(5), 't1')];
  const halted = { type: 'skein.staking.chain.halted.v1', data: { rule: 'fact-below-final', reason: 'one' } } as const;
  const resumed = { type: 'skein.staking.chain.resumed.v1', data: { reason: 'nothing was paid', actor: 'operator' } } as const;
  const reads = advance(1, 3, { logs: [late], finalised: three });
  spec.given(started(), moved(three, three)).when(reads).thenRejected({ rule: 'fact-below-final' });
  spec.given(started(), moved(three, three), halted, resumed).when(reads).then(finalisedAtOnce([late], three), moved(three, three));
  // That was about blocks which were final then.
  const six = advance(4, 6, { logs: [later], finalised: blockOf(6) });
  spec.given(started(), moved(three, three), halted, resumed, moved(blockOf(6), blockOf(6))).when(six).thenRejected({ rule: 'fact-below-final' });
});

test('an idle chain moves the recorded cursor only now and then', () => {
  spec.given(started()).when(advance(1, CHECKPOINT_BLOCKS - 1)).then();
  spec.given(started()).when(advance(1, 3, { behind: true })).then(moved(three, blockOf(0)));
  spec.given(started()).when(advance(1, CHECKPOINT_BLOCKS)).then(moved(blockOf(CHECKPOINT_BLOCKS), blockOf(0)));
});

test('a reorg voids what was observed; the same transaction in another block with another log index counts once', () => {
  const before = factIn(two, 't1', 0);
  const again = factIn(blockOf(3, 'b'), 't1', 4);
  const history = [started(), moved(one, one), observed(before), moved(two, one)];
  spec.given(...history).when({ kind: 'revert', ancestor: one }).then(reverted(one, two));
  const atThreeB = { to: blockOf(3, 'b'), logs: [again], finalised: one };
  spec
    .given(...history, reverted(one, two))
    .when(advance(2, 3, atThreeB))
    .thenState((state, events) => {
      expect(events).toEqual([observed(again), moved(blockOf(3, 'b'), one)]);
      expect(state.blocks.flatMap((block) => block.facts)).toHaveLength(1);
    });
  spec.given(...history).when(advance(2, 3, atThreeB)).thenRejected({ rule: 'truncated-answer' });
  spec
    .given(...history)
    .when(advance(2, 3, { ...atThreeB, logs: [before, again] }))
    .thenRejected({ rule: 'fact-in-two-blocks' });
});

test('a final block is never left', () => {
  const history = [started(), moved(three, two)];
  spec.given(...history).when({ kind: 'revert', ancestor: blockOf(0) }).thenRejected({ rule: 'finality-violated' });
  spec
    .given(...history)
    .when(advance(3, 4, { finalised: blockOf(3, 'b') }))
    .thenRejected({ rule: 'finality-violated' });
  spec.given(...history).when({ kind: 'revert', ancestor: blockOf(3, 'b') }).thenRejected({ rule: 'unknown-ancestor' });
  spec.given(...history).when({ kind: 'revert', ancestor: three }).then();
});

test('answers that cannot be right stop the follower', () => {
  const stake = factIn(two, 't1');
  const history = [started(), observed(stake), moved(three, one)];
  const refused = (command: AdvanceChain, rule: string) => spec.given(...history).when(command).thenRejected({ rule });
  refused(advance(5, 6), 'gap');
  refused(advance(1, 2), 'latest-went-backwards');
  refused(advance(0, 3, { finalised: one }), 'below-window');
  refused(advance(2, 4, { finalised: one }), 'truncated-answer');
  refused(advance(4, 5, { finalised: blockOf(0) }), 'finalised-went-backwards');
  refused(advance(2, 4, { logs: [stake, stake], finalised: one }), 'log-twice');
  refused(advance(4, 5, { logs: [stake], finalised: one }), 'log-outside-range');
  refused(advance(2, 4, { logs: [factIn(blockOf(2, 'b'), 't9')], finalised: one }), 'block-hash-differs');
  refused(advance(3, 3, { to: blockOf(3, 'b'), finalised: one }), 'block-hash-differs');
});

test('the sum of final stakes must be what the contract says at that block', () => {
  const [first, second] = [factIn(one, 't1'), factIn(two, 't2', 0, stakedFact(5n, 'eip155:31337:0xw2'))];
  const logs = [first, second];
  spec.given(started()).when(advance(1, 3, { logs, finalised: one, totalStaked: 15n })).thenRejected({ rule: 'totals-differ' });
  spec
    .given(started())
    .when(advance(1, 3, { logs, finalised: one, totalStaked: 10n }))
    .thenState((state) => expect(state.stakedFinal).toBe(10n));
});

test('a decision too big for one append is given again until nothing is left', () => {
  const logs = Array.from({ length: 250 }, (_, at) => factIn(blockOf(1 + (at % 3)), `t${at}`, at)).sort(
    (a, b) => a.blockNumber - b.blockNumber,
  );
  const history: ChainEvent[] = [started()];
  // Seen while they were safe, then final: the one that asks for most events.
  for (const final of [blockOf(0), two]) {
    const sum = BigInt(10 * logs.filter((log) => log.blockNumber <= final.number).length);
    const command = advance(1, 3, { logs, finalised: final, totalStaked: sum });
    for (let rounds = 0; rounds < 5; rounds += 1) {
      const decided = chainDecider.decide(command, fold(chainDecider, history));
      expect(decided).toMatchObject({ ok: true });
      if (!decided.ok || decided.value.length === 0) break;
      expect(decided.value.length).toBeLessThanOrEqual(EVENTS_MAX);
      history.push(...decided.value);
    }
  }
  const count = (type: ChainEvent['type']): number => history.filter((event) => event.type === type).length;
  expect([count('skein.staking.fact.observed.v1'), count('skein.staking.fact.finalised.v1')]).toEqual([250, 167]);
  expect(count('skein.staking.cursor.moved.v1')).toBe(2);
  expect(history.at(-1)).toEqual(moved(three, two));
});

test('facts that come final at once fill few events, in the order of the chain between those that waited', () => {
  const waited = factIn(one, 't0');
  const logs = [factIn(one, 'before', 0), { ...waited, logIndex: 1 }, ...Array.from({ length: FACTS_PER_EVENT + 5 }, (_, at) => factIn(two, `t${at + 1}`, at))];
  spec
    .given(started(), observed(logs[1]!), moved(one, blockOf(0)))
    .when(advance(1, 3, { logs, finalised: two }))
    .then(
      finalisedAtOnce([logs[0]!], two),
      finalised(logs[1]!, two),
      finalisedAtOnce(logs.slice(2, 2 + FACTS_PER_EVENT), two),
      finalisedAtOnce(logs.slice(2 + FACTS_PER_EVENT), two),
      moved(three, two),
    );
});

test('contracts that facts announce are followed until their block is left', () => {
  const created = factIn(two, 't1', 0, { kind: 'pool-created', owner: 'eip155:31337:0xw1', pool: '0xp1', sigma: 5 });
  const history = [started(), moved(one, one), observed(created), moved(two, one)];
  expect(fold(chainDecider, history).announced).toEqual([{ contract: '0xp1', blockNumber: 2 }]);
  expect(fold(chainDecider, [...history, reverted(one, two)]).announced).toEqual([]);
  expect(fold(chainDecider, [...history, finalised(created, two)]).announced).toHaveLength(1);
  expect(fold(chainDecider, [started(), finalisedAtOnce([created], two)]).announced).toHaveLength(1);
});

test('a contract’s code is remembered; another one, or none, is refused', () => {
  const see = (codes: Record<string, string>, deploying = false) => ({ kind: 'see-contracts', codes, deploying, asOf: two }) as const;
  const seen = { type: 'skein.staking.contracts.seen.v1', data: { codes: { '0x1': 'c' }, asOf: one } } as const;
  spec.given(started()).when(see({ '0x1': 'c', '0x2': '' }, true)).then({ ...seen, data: { ...seen.data, asOf: two } });
  spec.given(started()).when(see({ '0x1': 'c', '0x2': '' })).thenRejected({ rule: 'contract-missing' });
  spec.given(started(), seen).when(see({ '0x1': 'c' })).then();
  spec.given(started(), seen).when(see({ '0x1': 'd' })).thenRejected({ rule: 'contract-changed' });
  spec.given(started(), seen).when(see({ '0x1': '' }, true)).thenRejected({ rule: 'contract-changed' });
});

test('a halted chain records nothing until it is resumed; the code it then has is the one that counts', () => {
  const [halt, resume] = [{ kind: 'halt', rule: 'contract-changed', reason: 'it has' }, { kind: 'resume', reason: 'seen', actor: 'operator' }] as const;
  const halted = { type: 'skein.staking.chain.halted.v1', data: { rule: halt.rule, reason: halt.reason } } as const;
  const resumed = { type: 'skein.staking.chain.resumed.v1', data: { reason: 'seen', actor: 'operator' } } as const;
  const seen = { type: 'skein.staking.contracts.seen.v1', data: { codes: { '0x1': 'c' }, asOf: one } } as const;
  spec.given(started()).when(halt).then(halted);
  spec.given(started(), halted).when(halt).then();
  spec.given(started(), halted).when(advance(1, 2, { behind: true })).thenRejected({ rule: 'contract-changed' });
  spec.given(started(), halted).when({ kind: 'revert', ancestor: one }).thenRejected({ rule: 'contract-changed' });
  spec.given(started(), halted).when(resume).then(resumed);
  spec.given(started()).when(resume).thenRejected({ rule: 'not-halted' });
  const state = fold(chainDecider, [started(), seen, halted, resumed]);
  expect([state.halted, state.codes, state.lateTo]).toEqual([undefined, undefined, 0]);
});

test('facts below the window are forgotten, and nothing there may be read again', () => {
  const stake = factIn(one, 't1');
  const history = [started(), observed(stake), finalised(stake, two), moved(blockOf(90), blockOf(80))];
  expect(fold(chainDecider, history).blocks.map(({ number }) => number)).toEqual([80, 90]);
  spec.given(...history).when(advance(16, 91, { finalised: blockOf(80) })).thenRejected({ rule: 'below-window' });
});
