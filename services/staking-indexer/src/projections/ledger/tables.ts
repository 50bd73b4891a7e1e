import { ddl, table, type TableSpec } from './table.js';

/** Locks of FLOCK, wholly redeemed ones included. */
export const LOCK = table({
  name: 'lock',
  key: { lock_id: 'numeric' },
  columns: {
    wallet: 'text', grantor: 'text?', flock: 'numeric', gm_flock: 'numeric', flock_remaining: 'numeric', gm_flock_remaining: 'numeric',
    multiplier: 'int', fee_bps: 'int', unlock_at_ms: 'bigint', made_at_ms: 'bigint?',
  },
  indexes: 'CREATE INDEX lock_wallet ON lock (wallet, lock_id);',
});

/** Stakes, withdrawn ones included: those have no units. */
export const STAKE = table({
  name: 'stake',
  key: { wallet: 'text', role: 'text', task_id: 'text' },
  columns: { units: 'numeric', slashed: 'numeric' },
  indexes: `CREATE INDEX stake_task ON stake (task_id, wallet, role);
CREATE INDEX stake_held ON stake (wallet, role, task_id) WHERE units > 0;`,
});

/** Tasks of the stakes' contract: `open`, `validated`, `finished`, `cancelled`, `released`. */
export const TASK = table({
  name: 'task',
  key: { task_id: 'text' },
  columns: { latest_end_ms: 'bigint', ended_at_ms: 'bigint?', status: 'text' },
});

/** Sums by name (`totalNames`), and of how many holders where that means something. */
export const TOTAL = table({ name: 'total', key: { name: 'text' }, columns: { units: 'numeric', holders: 'int' } });

/** What a wallet has staked as node or validator over all its tasks: what its pool's principal is divided by. */
export const OWN = table({ name: 'own_total', key: { wallet: 'text' }, columns: { units: 'numeric' } });

/** Delegation pools. Shares and indices as in `domain/pool`; `waiting` is what does not count yet, as `formatWaiting` writes it. */
export const POOL = table({
  name: 'pool',
  key: { pool: 'text' },
  columns: {
    owner: 'text', reward_index: 'numeric', principal_index: 'numeric', carry: 'numeric', total_shares: 'numeric', total: 'numeric',
    funded: 'numeric', claimed: 'numeric', slashed: 'numeric', funded_epoch: 'bigint?', closed_by: 'text?', waiting: 'text',
  },
  indexes: 'CREATE INDEX pool_owner ON pool (owner, born);',
});

/** `shares` and `credit` are d and l; `held` are all shares that bear slashes, those that wait and those of unpaid exits included. */
export const DELEGATION = table({
  name: 'delegation',
  key: { pool: 'text', delegator: 'text' },
  columns: {
    shares: 'numeric', credit: 'numeric', held: 'numeric', delegated: 'numeric', claimed: 'numeric', lost: 'numeric', delegated_at_ms: 'bigint?',
  },
  indexes: 'CREATE INDEX delegation_delegator ON delegation (delegator, pool);',
});

/** What a delegator asked for in one epoch, until it counts. */
export const ASK = table({
  name: 'ask',
  key: { pool: 'text', epoch: 'bigint', delegator: 'text' },
  columns: { shares_in: 'numeric', shares_out: 'numeric', counts: 'boolean' },
  indexes: 'CREATE INDEX ask_delegator ON ask (delegator, pool, epoch);',
});

/** Exits; `paid` once they are. */
export const POOL_EXIT = table({
  name: 'pool_exit',
  key: { pool: 'text', exit_id: 'numeric' },
  columns: { delegator: 'text', asked: 'numeric', shares: 'numeric', epoch: 'bigint', paid_from_ms: 'bigint', paid: 'numeric?' },
  indexes: 'CREATE INDEX pool_exit_delegator ON pool_exit (delegator, pool, exit_id);',
});

/** Owners of pools: the one that counts, and σ in millionths with the rise that is announced. The history is σ's. */
export const OWNER = table({
  name: 'owner',
  key: { owner: 'text' },
  columns: { pool: 'text', sigma: 'int', changed_at_ms: 'bigint?', announced: 'int?', rises_at_ms: 'bigint?' },
});

export const EMISSION = table({
  name: 'emission',
  key: { epoch: 'bigint' },
  columns: { amount: 'numeric', total_minted: 'numeric', minted_at_ms: 'bigint?' },
});

export const ROOT = table({
  name: 'root',
  key: { rewards: 'text', epoch: 'bigint' },
  columns: { root: 'text', sum: 'numeric', active_from_ms: 'bigint', vetoed: 'boolean' },
});

/** When a task's final reward vests. */
export const VESTING = table({
  name: 'vesting',
  key: { rewards: 'text', task_id: 'text' },
  columns: { start_ms: 'bigint', duration_ms: 'bigint' },
});

/** What an account was paid in a stream: a task's final reward, or '' for rewards that are paid at once. */
export const PAID = table({
  name: 'paid',
  key: { rewards: 'text', account: 'text', task_id: 'text' },
  columns: { paid: 'numeric', fees: 'numeric', epoch: 'bigint' },
  indexes: 'CREATE INDEX paid_account ON paid (account, rewards, task_id);',
});

/** Cases: `open`, `slashed`, `dismissed`. One that runs out of time says nothing on chain. */
export const CASE = table({
  name: 'slash_case',
  key: { case_id: 'text' },
  columns: {
    accused: 'text', task_id: 'text', role: 'text', pool: 'text?', reporter: 'text?', cap: 'numeric', own: 'numeric', counted: 'numeric',
    evidence: 'text', status: 'text', opened_at_ms: 'bigint?', ended_at_ms: 'bigint?', from_owner: 'numeric', from_pool: 'numeric', to_reporter: 'numeric',
  },
  indexes: `CREATE INDEX case_accused ON slash_case (accused, born, case_id);
CREATE INDEX case_pool ON slash_case (pool, born, case_id);`,
});

/** What a case took from a delegator's principal. */
export const NOTICE = table({
  name: 'notice',
  key: { delegator: 'text', case_id: 'text', pool: 'text' },
  columns: { before: 'numeric', lost: 'numeric' },
});

/** Shares and the delegation cap that all contracts go by; one row. */
export const PARAMETERS = table({
  name: 'parameters',
  key: { registry: 'text' },
  columns: { treasury: 'text', own_fee_bps: 'int', delegator_fee_bps: 'int', reporter_bps: 'int', delegation_cap: 'int' },
});

/** Federated tasks on chain. */
export const FEDERATION = table({
  name: 'federation',
  key: { task_id: 'text' },
  columns: {
    sponsor: 'text', latest_end_ms: 'bigint', rounds: 'int', slash_bps: 'int', threshold: 'numeric', round: 'int', round_open: 'boolean',
    pool_flock: 'numeric', pool_gm: 'numeric', finished: 'boolean',
  },
});

/** Members: of `stake`, `added` came in during round `added_in` and counts from the next one on. */
export const MEMBER = table({
  name: 'member',
  key: { task_id: 'text', wallet: 'text' },
  columns: { stake: 'numeric', added: 'numeric', added_in: 'int' },
  indexes: 'CREATE INDEX member_wallet ON member (wallet, task_id);',
});

/** What federated tasks have credited to a wallet and it has not taken. */
export const OWED = table({ name: 'owed', key: { wallet: 'text' }, columns: { flock: 'numeric', gm: 'numeric' } });

/** Every table with a history: the whole state that final facts lead to. */
export const LEDGER_TABLES: readonly TableSpec[] = [
  ASK, CASE, DELEGATION, EMISSION, FEDERATION, LOCK, MEMBER, NOTICE, OWED, OWN, OWNER, PAID, PARAMETERS, POOL, POOL_EXIT, ROOT, STAKE, TASK, TOTAL, VESTING,
];

export const ledgerDdl = LEDGER_TABLES.map(ddl).join('\n');

/** Names of sums. Those that a contract knows, too, are what reconciliation calls them. */
export const totalNames = {
  staked: 'staked',
  role: (role: string): string => `role-staked ${role}`,
  task: (taskId: string, role: string): string => `task-staked tasks/${taskId} ${role}`,
  locked: 'locked',
  minted: 'minted',
  pool: (pool: string): string => `pool-principal ${pool}`,
  funded: (rewards: string): string => `rewards-funded ${rewards}`,
  paid: (rewards: string): string => `rewards-paid ${rewards}`,
  federationFlock: 'federation-flock',
  federationGm: 'federation-gm-flock',
} as const;
