import type { Fact } from '../src/domain/facts.js';

const account = (digit: string): string => `eip155:31337:0x${digit.repeat(40)}`;
const contract = (digits: string): string => `0x${digits.repeat(20)}`;
const hash = (digit: string): string => `0x${digit.repeat(64)}`;
const TOKEN = 10n ** 18n;
const taskId = '0192f0c1-2b3c-7def-8123-456789abcdef';
const [wallet, delegator, pool, rewards] = [account('1'), account('2'), contract('aa'), contract('bb')];

/** One fact of each kind, as it was first written. They are one history: each may follow those before it. */
export const goldenFacts: { readonly [K in Fact['kind']]: Extract<Fact, { kind: K }> } = {
  'parameters-changed': { kind: 'parameters-changed', treasury: account('f'), ownFeeBps: 800, delegatorFeeBps: 1450, reporterBps: 1000, delegationCap: 3 },
  locked: { kind: 'locked', lockId: 1n, wallet, amount: 100n * TOKEN, gm: 118n * TOKEN, multiplier: 11_800, feeBps: 513, unlockAtMs: 1_805_184_000_000 },
  granted: { kind: 'granted', lockId: 1n, grantor: account('3'), beneficiary: wallet },
  redeemed: { kind: 'redeemed', lockId: 1n, wallet, gm: 59n * TOKEN, paid: 47_435n * 10n ** 15n, fee: 2_565n * 10n ** 15n, gmRemaining: 59n * TOKEN, amountRemaining: 50n * TOKEN },
  'task-opened': { kind: 'task-opened', taskId, latestEndMs: 1_803_000_000_000 },
  staked: { kind: 'staked', taskId, role: 'node', wallet, amount: 10n * TOKEN, balance: 10n * TOKEN },
  'pool-created': { kind: 'pool-created', owner: wallet, pool, sigma: 250_000 },
  'sigma-changed': { kind: 'sigma-changed', owner: wallet, sigma: 200_000 },
  'sigma-rise-announced': { kind: 'sigma-rise-announced', owner: wallet, sigma: 300_000, risesAtMs: 1_801_000_000_000 },
  delegated: { kind: 'delegated', pool, delegator, amount: 20n * TOKEN, shares: 20n * TOKEN, epoch: 4, aboveCap: 0n },
  'pool-activated': { kind: 'pool-activated', pool, epoch: 4, sharesIn: 20n * TOKEN, sharesOut: 0n, totalShares: 20n * TOKEN, rewardIndex: 0n },
  'pool-funded': { kind: 'pool-funded', pool, epoch: 5, amount: 5n * TOKEN, rewardIndex: 25n * 10n ** 25n, carry: 0n, totalShares: 20n * TOKEN },
  'pool-claimed': { kind: 'pool-claimed', pool, delegator, amount: 5n * TOKEN, fee: 725n * 10n ** 15n },
  'exit-asked': { kind: 'exit-asked', pool, exitId: 1n, delegator, amount: 4n * TOKEN, shares: 4n * TOKEN, epoch: 6, paidFromMs: 1_801_100_000_000 },
  'exit-paid': { kind: 'exit-paid', pool, exitId: 1n, delegator, amount: 4n * TOKEN },
  'case-opened': {
    kind: 'case-opened', caseId: hash('c'), taskId, role: 'node', accused: wallet, pool, reporter: account('4'), cap: 9n * TOKEN, own: 10n * TOKEN, counted: 26n * TOKEN, evidence: hash('e'),
  },
  'pool-slashed': { kind: 'pool-slashed', pool, caseId: hash('c'), amount: 4n * TOKEN, principalIndex: 75n * 10n ** 25n, total: 12n * TOKEN },
  'pool-closed': { kind: 'pool-closed', pool, caseId: hash('c') },
  slashed: { kind: 'slashed', caseId: hash('c'), taskId, role: 'node', wallet, fromOwner: 3n * TOKEN, fromPool: 4n * TOKEN, toReporter: 7n * 10n ** 17n, balance: 7n * TOKEN },
  'case-dismissed': { kind: 'case-dismissed', caseId: hash('c'), accused: wallet },
  'task-validated': { kind: 'task-validated', taskId, endedAtMs: 1_802_000_000_000 },
  'task-cancelled': { kind: 'task-cancelled', taskId },
  'task-finished': { kind: 'task-finished', taskId, released: false },
  withdrawn: { kind: 'withdrawn', taskId, role: 'node', wallet, amount: 7n * TOKEN },
  'epoch-minted': { kind: 'epoch-minted', epoch: 7, amount: 309_157_675_932_627_700_866_861n, totalMinted: 309_157_675_932_627_700_866_861n },
  'rewards-funded': { kind: 'rewards-funded', rewards, from: account('5'), amount: 309_157n * TOKEN, totalFunded: 309_157n * TOKEN },
  'root-posted': { kind: 'root-posted', rewards, epoch: 7, root: hash('7'), sum: 1_000n * TOKEN, activeFromMs: 1_801_200_000_000 },
  'vesting-fixed': { kind: 'vesting-fixed', rewards, taskId, startMs: 1_802_000_000_000, durationMs: 2_592_000_000 },
  'reward-paid': { kind: 'reward-paid', rewards, account: wallet, taskId, epoch: 7, to: wallet, amount: 300n * TOKEN, fee: 24n * TOKEN, paid: 300n * TOKEN },
  'root-vetoed': { kind: 'root-vetoed', rewards, epoch: 7, root: hash('7') },
  'federation-created': { kind: 'federation-created', taskId, sponsor: account('6'), latestEndMs: 1_803_000_000_000, rounds: 3, slashBps: 500, threshold: TOKEN },
  'federation-funded': { kind: 'federation-funded', taskId, from: account('6'), amount: 50n * TOKEN, poolFlock: 50n * TOKEN },
  'federation-joined': { kind: 'federation-joined', taskId, wallet, amount: 8n * TOKEN, stake: 8n * TOKEN },
  'federation-round-opened': { kind: 'federation-round-opened', taskId, round: 0 },
  'federation-slashed': { kind: 'federation-slashed', taskId, round: 0, wallet, amount: 2n * TOKEN, stake: 6n * TOKEN },
  'federation-paid': { kind: 'federation-paid', taskId, round: 0, payee: delegator, flock: 10n * TOKEN, gm: TOKEN },
  'federation-settled': { kind: 'federation-settled', taskId, round: 0, caller: account('7'), toCaller: TOKEN, poolFlock: 40n * TOKEN, poolGm: 0n },
  'federation-finished': { kind: 'federation-finished', taskId, released: true, restFlock: 40n * TOKEN, restGm: 0n },
  'federation-withdrawn': { kind: 'federation-withdrawn', taskId, wallet, amount: 6n * TOKEN },
  'federation-taken': { kind: 'federation-taken', payee: delegator, flock: 10n * TOKEN, gm: TOKEN },
};
