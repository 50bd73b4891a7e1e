import { OperationsService } from '@skein/contracts/operations';
import { StakingService } from '@skein/contracts/staking';
import { VerdictService } from '@skein/contracts/validation';
import { CONTEXT_OF, traceBy, type CausalTrace } from '../causal-trace.js';
import { persist } from '../persist.js';
import type { Report, StakingReport } from '../report.js';
import { verify, type Chapter, type Story } from '../story.js';
import { checkTraces } from '../trace-check.js';

const FINAL_ROUND = 3;
/** Edges that the winner's way must have. */
const EXPECTED = ['arena→validation', 'validation→arena', 'arena→billing'];

async function readModels(story: Story): Promise<Omit<NonNullable<Report['replay']>, 'scoreBitEqual'>> {
  const rows: string[][] = [];
  const total = { streams: 0, events: 0, projectionsCompared: 0, equal: true };
  for (const [service, context] of Object.entries(CONTEXT_OF)) {
    const answer = await story.cast.operator.client(OperationsService, service).verifyReadModels({ context }, { timeoutMs: 60_000 });
    total.streams += Number(answer.streams);
    total.events += Number(answer.events);
    for (const model of answer.readModels) {
      total.projectionsCompared += 1;
      total.equal &&= model.equal;
      rows.push([service, model.name, String(model.tables), String(model.rows), model.equal ? 'equal' : `differs in ${model.differingTables.join(', ')}`]);
    }
  }
  story.printer.table(['service', 'read model', 'tables', 'rows', 'rebuilt from the log'], rows);
  verify(total.equal && rows.length > 0, 'every rebuilt read model equals the live one');
  return total;
}

/** Finalised stakes of every wallet on all tasks, less what slashing decided. */
async function stakes(story: Story): Promise<StakingReport> {
  const staking = story.cast.operator.client(StakingService, 'staking-indexer');
  const { projectionUnits, contractUnits, equal } = await persist(async () => {
    const now = await staking.reconcile({});
    verify(now.equal, `the projection holds ${now.projectionUnits} staked base units, the contract ${now.contractUnits}`);
    return now;
  });
  verify(equal, 'stakes in the projection are the contract’s');
  const effective = new Map<string, bigint>();
  for (let pageToken = ''; ; ) {
    const page = await staking.listStakes({ pageSize: 100, pageToken });
    for (const { wallet, finalisedUnits } of page.stakes) effective.set(wallet, (effective.get(wallet) ?? 0n) + BigInt(finalisedUnits));
    if (page.nextPageToken === '') break;
    pageToken = page.nextPageToken;
  }
  for (const { node, amount } of story.report.federation?.slashed ?? []) effective.set(node, (effective.get(node) ?? 0n) - BigInt(amount));
  const byWallet = [...effective].map(([wallet, units]) => ({ wallet, effective: units.toString() })).sort((a, b) => (a.wallet < b.wallet ? -1 : 1));
  story.printer.line(`${projectionUnits} gmFLOCK base units are staked, by the projection and by the contract`);
  return { projection: projectionUnits, contract: contractUnits, byWallet };
}

async function replay(story: Story, submission: string): Promise<boolean> {
  const verdicts = story.cast.operator.client(VerdictService, 'validation');
  const { verdicts: all } = await verdicts.listVerdicts({ task: story.threads.task as string, submission, pageSize: 100 });
  const honest = all.find(({ round }) => round === FINAL_ROUND)?.assignments.find(({ validator, manifestSha256 }) => manifestSha256 !== '' && validator !== story.cast.validators.at(-1)?.wallet);
  verify(honest !== undefined, 'the winner has a score in the final validation');
  const name = honest.assignment.replace(/^assignments\//, 'scores/');
  const { bitEqual, resultBits, scoreNano } = await verdicts.replayScore({ name }, { timeoutMs: 60_000 });
  verify(bitEqual, `the score ${name} is reproduced bit for bit`);
  story.printer.line(`the winner's score ${Number(scoreNano) / 1e9} was computed again from its manifest: ${resultBits}, equal in all 64 bits`);
  return bitEqual;
}

/** One line per kind of event: the first of its kind, with the time since the commit. */
function showPath(story: Story, { events }: CausalTrace): void {
  const start = events[0]?.recordedAtMs ?? 0n;
  const first = new Map(events.map((event) => [`${event.service} ${event.type}`, event]).reverse() as [string, CausalTrace['events'][number]][]);
  const rows = [...first.values()].sort((a, b) => Number(a.recordedAtMs - b.recordedAtMs));
  story.printer.table(['after', 'service', 'event'], rows.map(({ recordedAtMs, service, type }) => [`${recordedAtMs - start} ms`, service, type]));
}

/** 9. Read models rebuilt and compared, stakes reconciled, a score replayed, one submission followed through the services. */
export const proof: Chapter = {
  number: 9,
  title: 'Proof',
  moments: [],
  async play(story) {
    const { report, printer, cast } = story;
    const compared = await readModels(story);
    report.staking = await stakes(story);
    const winner = report.arena?.submissions.find(({ rank }) => rank === 1);
    verify(winner !== undefined, 'the task has a winner');
    report.replay = { ...compared, scoreBitEqual: await replay(story, winner.id) };
    const trace = await traceBy(cast.operator, 'arena', winner.id.split('/').at(-1) as string);
    verify(!trace.cut, "the winner's way is whole");
    showPath(story, trace);
    const edges = trace.edges.map(([from, to]): [string, string] => [from, to]);
    report.trace = { edges };
    printer.line(`the winner's way: ${edges.map(([from, to]) => `${from} → ${to}`).join(', ')}`);
    for (const edge of EXPECTED) verify(edges.some(([from, to]) => `${from}→${to}` === edge), `the winner's way has the edge ${edge}`);
    if (story.sink !== undefined) await checkTraces(story.sink, printer);
    printer.line(`${compared.projectionsCompared} read models over ${compared.streams} streams and ${compared.events} events: all equal`);
  },
};
