import { RewardService, SubmissionService } from '@skein/contracts/arena';
import { BillingService } from '@skein/contracts/billing';
import { MarketplaceService } from '@skein/contracts/marketplace';
import { OperationsService } from '@skein/contracts/operations';
import { StakingService } from '@skein/contracts/staking';
import { VerdictService } from '@skein/contracts/validation';
import { canonicalJson } from '@skein/kernel';
import type { People } from './people.js';
import { CALLS, type Played } from './scenario.js';

/** Facts that public APIs tell, by kind, each as canonical JSON and in order: what an undisturbed and a disturbed run must share. */
export type Facts = Readonly<Record<string, readonly string[]>>;

/** REST context of each service, by the name of its gRPC port. */
export const CONTEXT_OF: Readonly<Record<string, string>> = { arena: 'arena', validation: 'validation', 'fl-aggregator': 'federation', 'staking-indexer': 'staking', marketplace: 'marketplace', billing: 'billing' };

const CREDIT = 1_000_000_000n;

const sorted = (items: readonly object[]): string[] => items.map((item) => canonicalJson(item)).sort();
const total = <T>(items: readonly T[], units: (item: T) => string): bigint => items.reduce((sum, item) => sum + BigInt(units(item) || '0'), 0n);

async function arenaFacts({ operator }: People, { task }: Played): Promise<Facts> {
  const rewards = operator.client(RewardService, 'arena');
  const [{ submissions }, paid, { epochs }] = await Promise.all([
    operator.client(SubmissionService, 'arena').listSubmissions({ parent: task, pageSize: 100 }),
    rewards.listRewards({ parent: task, pageSize: 100 }),
    rewards.listEpochs({ parent: task }),
  ]);
  return {
    ranks: sorted(submissions.map(({ owner, epoch, status, rule, finalScoreNano, finalRank }) => ({ owner, epoch, status, rule, score: String(finalScoreNano), rank: finalRank }))),
    rewards: sorted(paid.rewards.map(({ wallet, role, epoch, paidUnits, lockedUnits, vestedUnits, poolPaidUnits, poolLockedUnits }) => ({ wallet, role, epoch, paidUnits, lockedUnits, vestedUnits, poolPaidUnits, poolLockedUnits }))),
    epochs: sorted(epochs.map(({ number, mintedUnits, carriedInUnits, paidUnits, lockedUnits, carriedOutUnits }) => ({ number, mintedUnits, carriedInUnits, paidUnits, lockedUnits, carriedOutUnits }))),
  };
}

async function verdictFacts({ operator }: People, { task }: Played): Promise<Facts> {
  const { verdicts } = await operator.client(VerdictService, 'validation').listVerdicts({ task, pageSize: 100 });
  return {
    verdicts: sorted(verdicts.map(({ round, status, agreedScoreNano, assignments }) => ({ round, status, score: String(agreedScoreNano), scores: sorted(assignments.map(({ validator, status: seal, scoreNano, shareE18 }) => ({ validator, seal, score: String(scoreNano), shareE18 }))) }))),
  };
}

async function stakeFacts({ operator }: People): Promise<Facts> {
  const staking = operator.client(StakingService, 'staking-indexer');
  const [{ stakes }, { equal, projectionUnits, contractUnits }] = await Promise.all([staking.listStakes({ pageSize: 100 }), staking.reconcile({})]);
  return { stakes: sorted(stakes.map(({ wallet, finalisedUnits }) => ({ wallet, finalisedUnits }))), staked: sorted([{ equal, projectionUnits, contractUnits }]) };
}

/** Money as far as it does not depend on measured computing time; that part is checked to add up instead. */
async function moneyFacts({ partner, operator }: People, { customer, version, calls }: Played): Promise<Facts> {
  const billing = partner.client(BillingService, 'billing');
  const [{ charges }, balance, { statements }, trial, { calls: known }] = await Promise.all([
    billing.listCharges({ parent: customer, pageSize: 200 }),
    billing.getBalance({ name: `${customer}/balance` }),
    operator.client(BillingService, 'billing').listStatements({ pageSize: 200 }),
    operator.client(BillingService, 'billing').getTrialBalance({}),
    operator.client(MarketplaceService, 'marketplace').listCalls({ pageSize: 200, customer }),
  ]);
  const told = new Map(calls.map(({ reservationId, chargedUnits }) => [reservationId, chargedUnits]));
  const gross = total(charges, (charge) => charge.gross);
  const revenue = statements.filter(({ asset }) => asset === 'USD').flatMap(({ lines }) => lines).filter(({ source }) => source === version);
  const units = (amount: { units: string } | undefined): bigint => BigInt(amount?.units || '0');
  return {
    calls: sorted([{
      answered: calls.length, reservations: told.size, outputs: calls.map(({ output }) => output),
      captured: known.filter(({ state }) => state === 'captured').length, open: known.filter(({ state }) => !['captured', 'voided'].includes(state)).length,
    }]),
    charges: sorted([{
      count: charges.length, once: new Set(charges.map(({ reservationId }) => reservationId)).size, asTold: charges.filter(({ reservationId, gross: one }) => told.get(reservationId) === one).length,
      split: charges.every((one) => BigInt(one.gross) === BigInt(one.compute) + BigInt(one.platform) + BigInt(one.contributors)),
      toPayees: total(revenue, ({ units: one }) => one) === total(charges, ({ contributors }) => contributors),
    }]),
    balance: sorted([{ spent: units(balance.spent) === gross, left: units(balance.available) + gross === CREDIT, reserved: String(units(balance.reserved)), receivable: String(units(balance.receivable)), trialBalance: trial.difference, expected: CALLS }]),
    statements: sorted(statements.filter(({ asset }) => asset !== 'USD').map(({ payee, asset, total: sum, lines }) => ({ payee, asset, sum, lines: lines.length }))),
  };
}

/** Every read model, rebuilt from the log beside the live one, is equal to it. */
async function readModelFacts({ operator }: People): Promise<Facts> {
  const answers = await Promise.all(Object.entries(CONTEXT_OF).map(async ([service, context]) => (await operator.client(OperationsService, service).verifyReadModels({ context }, { timeoutMs: 30_000 })).readModels));
  return { readModels: sorted(answers.flat().map(({ name, equal, differingTables }) => ({ name, equal, differingTables }))) };
}

/** Ids, times and what follows from measured computing time are left out; everything else that clients can see is in it. */
export async function factsOf(people: People, played: Played): Promise<Facts> {
  const parts = await Promise.all([arenaFacts(people, played), verdictFacts(people, played), stakeFacts(people), moneyFacts(people, played), readModelFacts(people)]);
  return Object.assign({}, ...parts) as Facts;
}
