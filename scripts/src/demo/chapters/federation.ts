import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureStake, openTask } from '@skein/contracts-evm';
import { FederatedTaskService, Slashing, type Round } from '@skein/contracts/federation';
import { uploadArtifact, withRetry } from '@skein/sdk';
import type { Actor } from '../actor.js';
import { csvOf } from '../csv.js';
import { baselines, pimaRows } from '../../data/baselines.js';
import { FlNodes } from '../fl-nodes.js';
import { ModelJudge } from '../model-judge.js';
import { patience, persist } from '../persist.js';
import type { FederationReport } from '../report.js';
import { verify, type Chapter, type Story } from '../story.js';
import { models } from './submissions.js';

const UNIT = 10n ** 18n;
const ROUNDS = 12;
const LOCAL_EPOCHS = 2;
const STAKE = 1_000n * UNIT;
/** One slash of a tenth takes a node below it. */
const THRESHOLD = 950n * UNIT;
const POOL = 1_000n * UNIT;
const DEADLINE_MS = 120_000;

const membersOf = ({ cast }: Story): Actor[] => [...cast.hospitals, ...cast.laboratories, cast.saboteur];

/** The node that won the arena's task, and its model: it has both, nobody else needs to hand them over. */
function winnerOf(story: Story): { actor: Actor; model: Uint8Array } {
  const owner = story.report.arena?.submissions.find(({ rank }) => rank === 1)?.owner;
  const index = story.cast.trainers.findIndex(({ wallet }) => wallet === owner);
  const model = models(story, 2)[index];
  verify(model !== undefined, `the winner ${owner} is one of the nodes`);
  return { actor: story.cast.trainers[index] as Actor, model };
}

async function propose(story: Story, winner: Actor, model: Uint8Array): Promise<string> {
  const upload = (bytes: Uint8Array): Promise<string> => withRetry(() => uploadArtifact(winner.rest, 'federation', bytes), patience);
  const deadlines = { joiningMs: DEADLINE_MS, contributingMs: DEADLINE_MS, committingMs: DEADLINE_MS, revealingMs: DEADLINE_MS };
  const members = membersOf(story).length;
  const { name } = await winner.client(FederatedTaskService, 'fl-aggregator').proposeFederatedTask({
    requestId: winner.requestId('propose federation'),
    manifest: {
      title: 'Diabetes, improved by six parties that share no row',
      arenaTask: story.threads.task ?? '',
      forwardSha256: await upload(model),
      publicRowsSha256: await upload(csvOf(story.data.open)),
      training: { localEpochs: LOCAL_EPOCHS, batch: 16, learningRate: 0.1, l2: 1e-4 },
      rule: { name: 'fedavg', parameters: {} },
      rounds: ROUNDS,
      participantsMin: 3,
      participantsMax: members,
      proposersPpm: 500_000,
      stakeThresholdUnits: THRESHOLD.toString(),
      slashing: Slashing.OWN_ROBUST_SCORE,
      deadlines,
    },
  });
  return name;
}

async function open(story: Story, name: string): Promise<void> {
  const { operator, deployer } = story.cast;
  await operator.client(FederatedTaskService, 'fl-aggregator').approveFederatedTask({ requestId: operator.requestId('approve federation'), name, pool: { asset: 'FLOCK', units: POOL.toString() } });
  const taskId = name.replace(/^federatedTasks\//, '');
  await persist(() => openTask(deployer.chain, story.book, taskId, Date.now() + 86_400_000));
  await Promise.all(membersOf(story).map((actor) => persist(() => ensureStake(actor.chain, story.book, { taskId, role: 'participant', amount: STAKE }))));
}

/** Follows the rounds while the nodes work, printing each as it ends. */
async function follow(story: Story, name: string, nodes: FlNodes, judge: ModelJudge, seats: Map<number, readonly [number, number]>): Promise<FederationReport['rounds']> {
  const client = story.cast.partner.client(FederatedTaskService, 'fl-aggregator');
  const seen: FederationReport['rounds'] = [];
  while (seen.length < ROUNDS) {
    const next = await persist(async () => {
      nodes.assertHealthy();
      const { rounds } = await client.listRounds({ parent: name, pageSize: 100 });
      const round = rounds.find((one) => one.round === seen.length + 1 && one.closedAtMs > 0n);
      verify(round !== undefined, `round ${seen.length + 1} of ${ROUNDS} has not ended`);
      return round;
    }, 180_000);
    seats.set(next.round, [next.proposers.length, next.voters.length]);
    seen.push(await told(story, next, judge));
    if (next.round === 2) story.moments.reach(6, 'after two rounds');
    if (next.round === 8) story.moments.reach(6, 'after eight rounds');
  }
  return seen;
}

async function told(story: Story, round: Round, judge: ModelJudge): Promise<FederationReport['rounds'][number]> {
  const accuracy = await judge.accuracyOf(round.weightsSha256);
  const accepted = round.status === 'accepted';
  const sabotaged = round.proposers.some(({ node }) => node === story.cast.saboteur.wallet);
  verify(!(accepted && sabotaged), `round ${round.round} was sabotaged and accepted`);
  const durationMs = Number(round.closedAtMs - round.openedAtMs);
  const { hospitals, pooled } = baselines(pimaRows(), story.options.seed, round.round * LOCAL_EPOCHS);
  const [federated, all, ...alone] = [accuracy, pooled, ...hospitals].map((value) => (100 * value).toFixed(1));
  story.printer.line(`round ${String(round.round).padStart(2)}: ${(sabotaged ? `${round.status}, sabotaged` : round.status).padEnd(19)} ${round.proposers.length} proposed, ${round.voters.length} voted; on the untouched rows: federated ${federated} %, hospitals alone ${alone.join(' / ')} %, pooled ${all} % (${durationMs} ms)`);
  return { round: round.round, accepted, sabotaged, accuracy, durationMs };
}

async function account(story: Story, name: string): Promise<Pick<FederationReport, 'pool' | 'slashed' | 'modelSha256'>> {
  const client = story.cast.partner.client(FederatedTaskService, 'fl-aggregator');
  const task = await persist(async () => {
    const now = await client.getFederatedTask({ name });
    verify(now.phase === 'finished' && now.modelSha256 !== '', `the federated task is ${now.phase}`);
    return now;
  });
  const pool = task.pool;
  verify(pool !== undefined, 'the task has a pool');
  const [granted, slashed, paid, callers, left] = [pool.grantedUnits, pool.slashedUnits, pool.paidUnits, pool.callersUnits, pool.leftUnits].map(BigInt) as [bigint, bigint, bigint, bigint, bigint];
  verify(granted === POOL && granted + slashed === paid + callers + left, `granted ${granted} + slashed ${slashed} = paid ${paid} + callers ${callers} + left ${left}`);
  const { nodes } = await client.listNodes({ parent: name });
  const losers = nodes.filter(({ slashedUnits }) => BigInt(slashedUnits) > 0n).map(({ node, slashedUnits }) => ({ node, amount: slashedUnits }));
  return { pool: { granted: granted.toString(), slashed: slashed.toString(), paid: paid.toString(), callers: callers.toString(), left: left.toString() }, slashed: losers, modelSha256: task.modelSha256 };
}

/** The saboteur lost a tenth, is out, and from then on three propose and two vote; nobody honest lost anything. */
function verifySabotage(story: Story, { rounds, slashed }: FederationReport, seats: ReadonlyMap<number, readonly [proposers: number, voters: number]>): boolean {
  const { wallet } = story.cast.saboteur;
  verify(slashed.every(({ node }) => node === wallet), 'nobody honest was slashed');
  const first = rounds.find(({ sabotaged }) => sabotaged)?.round;
  if (first === undefined) {
    verify(slashed.length === 0, 'nobody was slashed without sabotage');
    return false;
  }
  const amount = slashed.find(({ node }) => node === wallet)?.amount;
  verify(amount === (STAKE / 10n).toString() && STAKE - STAKE / 10n < THRESHOLD, `the saboteur lost a tenth of its stake and is below the threshold, not ${amount}`);
  verify(rounds.filter(({ sabotaged }) => sabotaged).length === 1, 'the saboteur never proposed again');
  for (const [round, [proposers, voters]] of seats) verify(proposers === 3 && voters === (round > first ? 2 : 3), `round ${round} had ${proposers} proposers and ${voters} voters`);
  return true;
}

function conclude(story: Story, report: FederationReport, out: boolean): void {
  const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
  story.printer.table(['model', 'accuracy on the untouched rows'], [...report.alone.map((value, index): [string, string] => [`hospital ${index + 1} alone`, percent(value)]), ['winner of the arena', percent(report.winner)], ['federated', percent(report.federated)], ['pooled (for comparison)', percent(report.pooled)]]);
  const { granted, slashed, paid, callers, left } = report.pool;
  story.printer.line(`granted ${granted} + slashed ${slashed} = paid ${paid} + callers ${callers} + left ${left} base units`);
  story.printer.line(`the saboteur ${out ? 'lost a tenth of its stake, fell below the threshold and is out' : 'was never drawn as proposer'}`);
}

async function play(story: Story, folder: string): Promise<void> {
  const { actor, model } = winnerOf(story);
  story.moments.reach(6, 'proposing');
  const name = await propose(story, actor, model);
  await open(story, name);
  story.threads.federatedTask = name;
  story.printer.line(`${actor.name} proposed ${name} from its winning model; the operator granted 1 000 FLOCK; six parties staked ${STAKE / UNIT} gmFLOCK each`);
  const nodes = new FlNodes();
  const judge = new ModelJudge(actor, name, model, story.data.test);
  const stop = async (): Promise<void> => void (await Promise.all([nodes.stop(), judge.close()]));
  story.endings.push(stop);
  try {
    nodes.start(story, name, folder);
    const seats = new Map<number, readonly [number, number]>();
    const rounds = await follow(story, name, nodes, judge, seats);
    const { hospitals, pooled } = baselines(pimaRows(), story.options.seed, ROUNDS * LOCAL_EPOCHS);
    const last = rounds.at(-1);
    const report: FederationReport = { alone: [...hospitals], federated: last?.accuracy ?? 0, pooled, winner: await judge.accuracyOfModel(model), rounds, ...(await account(story, name)) };
    const sabotaged = verifySabotage(story, report, seats);
    story.report.federation = report;
    conclude(story, report, sabotaged);
  } finally {
    await stop();
  }
}

/** 6. The winner's model goes to six parties that share no row; one of them is a saboteur. */
export const federation: Chapter = {
  number: 6,
  title: 'Federation',
  moments: ['proposing', 'after two rounds', 'after eight rounds'],
  async play(story) {
    // Below the data folder: it goes when that goes, also when the story is interrupted.
    const folder = join(story.skein.options.data, 'fl-nodes');
    try {
      await play(story, folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
