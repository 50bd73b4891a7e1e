import { federationBy, type EmissionFact, type FederationFact, type RewardFact } from '../../domain/facts.js';
import { addTotal, type At } from './book-stakes.js';
import type { Ledger } from './ledger.js';
import { EMISSION, FEDERATION, MEMBER, OWED, PAID, PARAMETERS, ROOT, VESTING, totalNames } from './tables.js';

export async function bookEmission(ledger: Ledger, fact: EmissionFact, at: At): Promise<void> {
  if (fact.kind === 'parameters-changed') {
    const fees = { own_fee_bps: fact.ownFeeBps, delegator_fee_bps: fact.delegatorFeeBps, reporter_bps: fact.reporterBps };
    return ledger.put(PARAMETERS, { registry: '', treasury: fact.treasury, ...fees, delegation_cap: fact.delegationCap }, at.block);
  }
  const { epoch, amount, totalMinted } = fact;
  ledger.put(EMISSION, { epoch, amount, total_minted: totalMinted, minted_at_ms: at.timeMs }, at.block);
  return addTotal(ledger, totalNames.minted, amount, at);
}

export async function bookReward(ledger: Ledger, fact: RewardFact, at: At): Promise<void> {
  const { rewards } = fact;
  switch (fact.kind) {
    case 'rewards-funded':
      return addTotal(ledger, totalNames.funded(rewards), fact.amount, at);
    case 'root-posted':
      return ledger.put(ROOT, { rewards, epoch: fact.epoch, root: fact.root, sum: fact.sum, active_from_ms: fact.activeFromMs, vetoed: false }, at.block);
    case 'root-vetoed': {
      const row = await ledger.get(ROOT, { rewards, epoch: fact.epoch });
      if (row === undefined) throw new Error(`epoch ${fact.epoch} of ${rewards} never had a root`);
      return ledger.put(ROOT, { ...row, vetoed: true }, at.block);
    }
    case 'vesting-fixed':
      return ledger.put(VESTING, { rewards, task_id: fact.taskId, start_ms: fact.startMs, duration_ms: fact.durationMs }, at.block);
    case 'reward-paid': {
      const key = { rewards, account: fact.account, task_id: fact.taskId ?? '' };
      await ledger.change(PAID, key, at.block, (row) => ({ ...key, paid: fact.paid, fees: (row?.fees ?? 0n) + fact.fee, epoch: fact.epoch }));
      return addTotal(ledger, totalNames.paid(rewards), fact.amount, at);
    }
  }
}

type Of<K extends FederationFact['kind']> = Extract<FederationFact, { kind: K }>;

export async function bookFederation(ledger: Ledger, fact: FederationFact, at: At): Promise<void> {
  const { flock, gm } = federationBy(fact);
  await addTotal(ledger, totalNames.federationFlock, flock, at);
  await addTotal(ledger, totalNames.federationGm, gm, at);
  if (fact.kind === 'federation-taken') return owe(ledger, fact.payee, -fact.flock, -fact.gm, at);
  if (fact.kind === 'federation-created') return bookCreated(ledger, fact, at);
  const task = await ledger.get(FEDERATION, { task_id: fact.taskId });
  if (task === undefined) throw new Error(`federated task ${fact.taskId} was never created`);
  switch (fact.kind) {
    case 'federation-funded':
      return ledger.put(FEDERATION, { ...task, pool_flock: fact.poolFlock }, at.block);
    case 'federation-round-opened':
      return ledger.put(FEDERATION, { ...task, round: fact.round, round_open: true }, at.block);
    case 'federation-paid':
      return owe(ledger, fact.payee, fact.flock, fact.gm, at);
    case 'federation-settled': {
      ledger.put(FEDERATION, { ...task, round: fact.round + 1, round_open: false, pool_flock: fact.poolFlock, pool_gm: fact.poolGm }, at.block);
      return fact.caller === undefined ? undefined : owe(ledger, fact.caller, 0n, fact.toCaller, at);
    }
    case 'federation-finished':
      ledger.put(FEDERATION, { ...task, round_open: false, pool_flock: 0n, pool_gm: 0n, finished: true }, at.block);
      return owe(ledger, task.sponsor, fact.restFlock, fact.restGm, at);
    default:
      return bookMember(ledger, task.round_open ? task.round : undefined, fact, at);
  }
}

async function bookCreated(ledger: Ledger, fact: Of<'federation-created'>, at: At): Promise<void> {
  const { taskId, sponsor, latestEndMs, rounds, slashBps, threshold } = fact;
  const terms = { sponsor, latest_end_ms: latestEndMs, rounds, slash_bps: slashBps, threshold };
  ledger.put(FEDERATION, { task_id: taskId, ...terms, round: 0, round_open: false, pool_flock: 0n, pool_gm: 0n, finished: false }, at.block);
}

type MemberFact = Of<'federation-joined' | 'federation-slashed' | 'federation-withdrawn'>;

async function bookMember(ledger: Ledger, openRound: number | undefined, fact: MemberFact, at: At): Promise<void> {
  const key = { task_id: fact.taskId, wallet: fact.wallet };
  const row = (await ledger.get(MEMBER, key)) ?? { ...key, stake: 0n, added: 0n, added_in: 0 };
  if (fact.kind === 'federation-withdrawn') return ledger.put(MEMBER, { ...key, stake: 0n, added: 0n, added_in: 0 }, at.block);
  if (fact.kind === 'federation-slashed') return ledger.put(MEMBER, { ...row, stake: fact.stake }, at.block);
  const added = openRound === undefined ? row : { added: (row.added_in === openRound ? row.added : 0n) + fact.amount, added_in: openRound };
  return ledger.put(MEMBER, { ...row, ...added, stake: fact.stake }, at.block);
}

async function owe(ledger: Ledger, wallet: string, flock: bigint, gm: bigint, at: At): Promise<void> {
  if (flock === 0n && gm === 0n) return;
  await ledger.change(OWED, { wallet }, at.block, (row) => ({ wallet, flock: (row?.flock ?? 0n) + flock, gm: (row?.gm ?? 0n) + gm }));
}
