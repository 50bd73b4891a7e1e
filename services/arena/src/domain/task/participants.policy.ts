import { type Staker, countedStake } from '../reward/staker.policy.js';
import type { TaskRules } from './task.policy.js';

export type Role = 'node' | 'validator';

/** A wallet that takes part in a task, with its stake at some moment. */
export interface Participant extends Staker {
  readonly role: Role;
}

/** A finalised stake of one wallet in one role, as the local copy has it. `since` orders a wallet's two roles. */
export interface StakePosition extends Participant {
  readonly since: number;
}

/** A final block, by height and hash. */
export interface StakeBlock {
  readonly number: number;
  readonly hash: string;
}

const byWallet = (a: { wallet: string }, b: { wallet: string }): number => (a.wallet < b.wallet ? -1 : a.wallet > b.wallet ? 1 : 0);

/**
 * Most wallets of one role in a task. Every decision is one event of at most 64 KiB that names all of them; beyond this the
 * largest counted stakes take part, ties by wallet.
 */
export const PARTICIPANTS_MAX = 40;

const bySize = (a: Participant, b: Participant): number => (countedStake(a) === countedStake(b) ? byWallet(a, b) : countedStake(a) > countedStake(b) ? -1 : 1);

/**
 * Who takes part: wallets whose own stake reaches the minimum of their role, sorted by wallet. A wallet is node or
 * validator, never both: the role it staked in first counts, the other does not.
 */
export function participantsOf(positions: readonly StakePosition[], rules: Pick<TaskRules, 'nodeStakeMinUnits' | 'validatorStakeMinUnits'>): Participant[] {
  const enough = positions.filter(
    ({ role, ownUnits }) => ownUnits > 0n && ownUnits >= (role === 'node' ? rules.nodeStakeMinUnits : rules.validatorStakeMinUnits),
  );
  const first = new Map<string, StakePosition>();
  for (const position of enough) {
    const other = first.get(position.wallet);
    if (!other || position.since < other.since || (position.since === other.since && position.role === 'node')) first.set(position.wallet, position);
  }
  const all = [...first.values()].map(({ wallet, role, ownUnits, delegatedUnits, sigmaPpm }) => ({ wallet, role, ownUnits, delegatedUnits, sigmaPpm }));
  const largest = (part: Participant[]): Participant[] => part.sort(bySize).slice(0, PARTICIPANTS_MAX);
  return [...largest(nodesOf(all)), ...largest(validatorsOf(all))].sort(byWallet);
}

export const nodesOf = (participants: readonly Participant[]): Participant[] => participants.filter(({ role }) => role === 'node');
export const validatorsOf = (participants: readonly Participant[]): Participant[] => participants.filter(({ role }) => role === 'validator');

/** Σ counted stake × reward weight: the task's weight in the daily emission. */
export const emissionWeight = (participants: readonly Participant[], rewardWeight: number): bigint =>
  participants.reduce((total, one) => total + countedStake(one), 0n) * BigInt(rewardWeight);
