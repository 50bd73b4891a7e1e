import { ok, reject, type Decider, type Rejection, type Result } from '@skein/kernel';
import type { DecidedGrant, GrantsEvent } from './grants.events.js';

export interface GrantsState {
  /** Decisions added up so far. */
  readonly decisions: number;
  /** Base units granted so far, ever. */
  readonly sum: bigint;
  readonly lastEpoch: bigint;
}

/** `cause` names the decision; that it is added once is what the command's idempotency key is for. */
export interface AddGrants {
  readonly kind: 'add';
  readonly cause: string;
  readonly grants: readonly DecidedGrant[];
}

export interface DecideRoot {
  readonly kind: 'decide-root';
  readonly epoch: bigint;
  readonly root: string;
  readonly sum: bigint;
  readonly decisions: number;
}

export type GrantsCommand = AddGrants | DecideRoot;
type Decision = Result<readonly GrantsEvent[], Rejection>;

/** A grant has up to 200 bytes, an event 65 536 at most. */
const GRANTS_PER_EVENT = 250;
const ADDRESS = /^0x[0-9a-f]{40}$/;
const wrong = (message: string): Decision => reject('invalid-argument', 'grant-field', message);

function decideAdd({ cause, grants }: AddGrants, { decisions }: GrantsState): Decision {
  const given = grants.filter(({ units }) => units !== 0n);
  if (given.some(({ units }) => units < 0n)) return wrong(`${cause} takes rewards away: a later root cannot lower what an earlier one granted`);
  if (given.some(({ account }) => !ADDRESS.test(account))) return wrong(`${cause} names something that is no account`);
  if (given.some(({ taskId, start, duration }) => taskId === '' && (start !== 0n || duration !== 0n))) return wrong(`${cause} lets vest what is paid at once`);
  const parts = Array.from({ length: Math.ceil(given.length / GRANTS_PER_EVENT) }, (_, part) => given.slice(part * GRANTS_PER_EVENT, (part + 1) * GRANTS_PER_EVENT));
  return ok(parts.map((grants, part) => ({ type: 'skein.staking.grants.decided.v1', data: { number: decisions + 1 + part, cause, grants } })));
}

function decideRoot({ epoch, root, sum, decisions }: DecideRoot, state: GrantsState): Decision {
  if (epoch <= state.lastEpoch) return reject('conflict', 'epoch-has-root', `epoch ${epoch} has a root, or lies before one that has`);
  if (decisions !== state.decisions) return reject('conflict', 'grants-moved-on', `${state.decisions} decisions are known, the root is over ${decisions}`);
  if (sum !== state.sum) return reject('failed-precondition', 'root-sum-differs', `the tree's sum is ${sum}, ${state.sum} were granted`);
  return ok([{ type: 'skein.staking.root.decided.v1', data: { epoch, root, sum, decisions } }]);
}

/** Adds up what was granted, and lets a root be over all of it or not be at all. */
export const grantsDecider: Decider<GrantsState, GrantsCommand, GrantsEvent> = {
  initialState: () => ({ decisions: 0, sum: 0n, lastEpoch: -1n }),
  decide: (command, state) => (command.kind === 'add' ? decideAdd(command, state) : decideRoot(command, state)),
  evolve: (state, event) => {
    if (event.type === 'skein.staking.root.decided.v1') return { ...state, lastEpoch: event.data.epoch };
    const { number, grants } = event.data;
    return { ...state, decisions: number, sum: grants.reduce((sum, { units }) => sum + units, state.sum) };
  },
};
