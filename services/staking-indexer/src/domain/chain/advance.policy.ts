import { err, ok, reject, type Rejection, type Result } from '@skein/kernel';
import { businessKey, rawKey, type BlockRef, type ChainFact } from '../facts.js';
import type { AdvanceChain } from './chain.commands.js';
import { factIndex, knownBlock, knownFacts, windowStart, type ChainState } from './chain.state.js';

const wrong = (rule: string, message: string): Rejection => ({ code: 'failed-precondition', rule, message });

/** The logs of a range that are new, once everything the chain answered fits what it answered before. */
export function checkAdvance(command: AdvanceChain, state: ChainState): Result<{ fresh: ChainFact[] }, Rejection> {
  const problem = rangeProblem(command, state) ?? finalityProblem(command, state) ?? completenessProblem(command, state);
  if (problem !== undefined) return err(problem);
  const { raw, business } = factIndex(state);
  const fresh: ChainFact[] = [];
  for (const log of command.logs) {
    if (raw.has(rawKey(log))) continue;
    // Final is final: whoever decided on what was final here has not known of it, and whatever is paid would rest on the same answers.
    if (log.blockNumber <= state.finalised.number && log.blockNumber > (state.lateTo ?? -1))
      return reject('failed-precondition', 'fact-below-final', `log ${log.ordinal} of transaction ${log.txHash} came to light in block ${log.blockNumber}; everything up to ${state.finalised.number} was final without it`);
    // One fact in two blocks at once would be credited twice: the chain must have reverted the first, and did not say so.
    if (business.has(businessKey(log)))
      return reject('failed-precondition', 'fact-in-two-blocks', `log ${log.ordinal} of transaction ${log.txHash} is in two blocks`);
    business.set(businessKey(log), { ...log, final: false });
    fresh.push(log);
  }
  return ok({ fresh });
}

function rangeProblem({ from, to, logs }: AdvanceChain, state: ChainState): Rejection | undefined {
  const { cursor } = state;
  if (from > cursor.number + 1) return wrong('gap', `blocks ${cursor.number + 1} to ${from - 1} were left out`);
  if (from < windowStart(state)) return wrong('below-window', `blocks below ${windowStart(state)} are not remembered`);
  if (to.number < cursor.number) return wrong('latest-went-backwards', `block ${cursor.number} was read, now the chain ends at ${to.number}`);
  const outside = logs.find(({ blockNumber }) => blockNumber < from || blockNumber > to.number);
  if (outside !== undefined) return wrong('log-outside-range', `a log of block ${outside.blockNumber} was not asked for`);
  const strange = [...logs.map(({ blockNumber, blockHash }) => ({ number: blockNumber, hash: blockHash })), to].find((block) =>
    differs(block, knownBlock(state, block.number)),
  );
  return strange && wrong('block-hash-differs', `block ${strange.number} was another one before and is ${strange.hash} now`);
}

const differs = (block: BlockRef, known: BlockRef | undefined): boolean => known !== undefined && known.hash !== block.hash;

function finalityProblem({ finalised }: AdvanceChain, state: ChainState): Rejection | undefined {
  if (finalised.number < state.finalised.number)
    return wrong('finalised-went-backwards', `block ${state.finalised.number} was final, now only ${finalised.number} is`);
  if (differs(finalised, knownBlock(state, finalised.number)))
    return wrong('finality-violated', `final block ${finalised.number} is ${finalised.hash}, another one was read before`);
  return undefined;
}

function completenessProblem({ from, to, logs }: AdvanceChain, state: ChainState): Rejection | undefined {
  const answered = new Set(logs.map(rawKey));
  if (answered.size !== logs.length) return wrong('log-twice', 'an answer holds the same log twice');
  const missing = knownFacts(state).find(
    (known) => known.blockNumber >= from && known.blockNumber <= to.number && !answered.has(rawKey(known)),
  );
  return (
    missing &&
    wrong('truncated-answer', `the log of transaction ${missing.txHash} in block ${missing.blockNumber} is missing from a later answer`)
  );
}
