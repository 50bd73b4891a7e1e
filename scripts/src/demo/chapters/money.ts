import { RewardService } from '@skein/contracts/arena';
import { BillingService, type Charge, type Statement } from '@skein/contracts/billing';
import { MarketplaceService } from '@skein/contracts/marketplace';
import type { Actor } from '../actor.js';
import { persist } from '../persist.js';
import type { BillingReport } from '../report.js';
import { verify, type Chapter, type Story } from '../story.js';

const CALLS = 200;
const CLASSES = ['developer', 'data', 'validators', 'parents'] as const;

const total = <T>(items: readonly T[], units: (item: T) => string): bigint => items.reduce((sum, item) => sum + BigInt(units(item) || '0'), 0n);

async function chargesOf(actor: Actor, parent: string): Promise<Charge[]> {
  const all: Charge[] = [];
  for (let pageToken = ''; ; ) {
    const page = await actor.client(BillingService, 'billing').listCharges({ parent, pageSize: 200, pageToken });
    all.push(...page.charges);
    if (page.nextPageToken === '') return all;
    pageToken = page.nextPageToken;
  }
}

async function statementsOf(operator: Actor): Promise<Statement[]> {
  const all: Statement[] = [];
  for (let pageToken = ''; ; ) {
    const page = await operator.client(BillingService, 'billing').listStatements({ pageSize: 200, pageToken });
    all.push(...page.statements);
    if (page.nextPageToken === '') return all;
    pageToken = page.nextPageToken;
  }
}

/** Every call is charged once, at the price of the version that it pinned. */
async function verifyCharges(story: Story, charges: readonly Charge[]): Promise<void> {
  verify(new Set(charges.map(({ reservationId }) => reservationId)).size === CALLS && charges.length === CALLS, `${charges.length} charges for ${CALLS} calls`);
  const { prices } = await story.cast.customer.client(MarketplaceService, 'marketplace').listPrices({ parent: 'models/diabetes' });
  const priceOf = new Map(prices.map(({ version, unitPriceE15 }) => [version, unitPriceE15]));
  for (const charge of charges) {
    verify(priceOf.get(charge.priceVersion) === charge.unitPriceE15, `the call ${charge.reservationId} was charged at ${charge.unitPriceE15}, but price version ${charge.priceVersion} is ${priceOf.get(charge.priceVersion)}`);
    verify(BigInt(charge.gross) === BigInt(charge.compute) + BigInt(charge.platform) + BigInt(charge.contributors), `the charge ${charge.reservationId} splits exactly`);
  }
}

/** What the contributors' statements say of this model's revenue, by class. */
function byClass(statements: readonly Statement[], source: string): Record<(typeof CLASSES)[number], bigint> {
  const lines = statements.filter(({ asset }) => asset === 'USD').flatMap((statement) => statement.lines.filter((line) => line.source === source));
  const sumOf = (name: string): bigint => total(lines.filter(({ account }) => account === `payable.${name}`), ({ units }) => units);
  return { developer: sumOf('developer'), data: sumOf('data'), validators: sumOf('validators'), parents: sumOf('parents') };
}

function show(story: Story, report: BillingReport, statements: readonly Statement[]): void {
  const { cast } = story;
  const nameOf = new Map([...cast.trainers, ...cast.validators, ...cast.hospitals, ...cast.laboratories, cast.saboteur, cast.partner].map(({ wallet, name }) => [wallet, name]));
  const dollars = (units: string): string => (Number(units) / 1e9).toFixed(9);
  story.printer.table(['of the customer’s money', 'USD'], [['gross', dollars(report.gross)], ...Object.entries(report.split).map(([name, units]): [string, string] => [name, dollars(units)])]);
  story.printer.table(['statement of', 'asset', 'total (base units)', 'lines'], statements.map(({ payee, asset, total: units, lines }) => [nameOf.get(payee) ?? payee, asset, units, String(lines.length)]));
}

/** What was locked has vested by now, to the unit: the vesting time is over. */
async function verifyVested(story: Story): Promise<void> {
  await persist(async () => {
    const { rewards } = await story.cast.partner.client(RewardService, 'arena').listRewards({ parent: story.threads.task as string, pageSize: 100 });
    const [locked, vested] = [total(rewards, ({ lockedUnits }) => lockedUnits), total(rewards, ({ vestedUnits }) => vestedUnits)];
    verify(locked > 0n && vested === locked, `${vested} of ${locked} locked base units have vested`);
  });
  story.printer.line('the locked rewards have vested wholly');
}

/** 8. Every call charged once, every unit split and booked twice, a statement for each payee, the trial balance zero. */
export const money: Chapter = {
  number: 8,
  title: 'Money',
  moments: ['statements'],
  async play(story) {
    const { customer, operator } = story.cast;
    story.moments.reach(8, 'statements');
    const charges = await persist(async () => {
      const all = await chargesOf(customer, story.threads.customer as string);
      verify(all.length >= CALLS, `${all.length} charges so far`);
      return all;
    });
    await verifyCharges(story, charges);
    const gross = total(charges, (charge) => charge.gross);
    const [compute, platform] = [total(charges, (charge) => charge.compute), total(charges, (charge) => charge.platform)];
    const { statements, classes } = await persist(async () => {
      const found = await statementsOf(operator);
      const sums = byClass(found, story.threads.modelVersion as string);
      const contributors = CLASSES.reduce((sum, name) => sum + sums[name], 0n);
      verify(compute + platform + contributors === gross, `compute ${compute} + platform ${platform} + contributors ${contributors} = gross ${gross}`);
      return { statements: found, classes: sums };
    });
    await verifyVested(story);
    const trial = await operator.client(BillingService, 'billing').getTrialBalance({});
    verify(trial.difference === '0', `the trial balance is off by ${trial.difference}`);
    const split = { compute: compute.toString(), platform: platform.toString(), developer: classes.developer.toString(), data: classes.data.toString(), validators: classes.validators.toString(), parents: classes.parents.toString() };
    const report: BillingReport = { asset: 'USD', gross: gross.toString(), split, trialBalance: trial.difference };
    story.report.billing = report;
    show(story, report, statements);
    story.printer.line(`${charges.length} calls were charged once each at their pinned price; ${trial.ledgers} ledgers, trial balance ${trial.difference}`);
  },
};
