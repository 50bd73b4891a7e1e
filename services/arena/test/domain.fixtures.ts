import { type Decider, type DomainEvent, FP_ONE, fold, unwrap } from '@skein/kernel';
import type { EpochCommand, Verdict } from '../src/domain/epoch/epoch.commands.js';
import { epochDecider } from '../src/domain/epoch/epoch.decider.js';
import type { EpochEvent } from '../src/domain/epoch/epoch.events.js';
import { commitHash } from '../src/domain/submission/commit.policy.js';
import type { KnownArtifact } from '../src/domain/submission/copy.policy.js';
import type { Participant } from '../src/domain/task/participants.policy.js';
import type { TaskPolicy, TaskRules, TaskSchedule } from '../src/domain/task/task.policy.js';

export const TASK_ID = '01890a5d-ac96-774b-bcce-b302099a8057';
export const NOW = 1_700_000_000_000;
export const UNIT = 10n ** 18n;
export const CREATOR = wallet('f');
export const hash = (digit: string): string => digit.repeat(64);

/** The wallet whose address repeats one hex digit. */
export function wallet(digit: string): string {
  return `eip155:31337:0x${digit.repeat(40)}`;
}

export const participant = (digit: string, role: 'node' | 'validator', stake: bigint = 3000n): Participant => ({
  wallet: wallet(digit),
  role,
  ownUnits: stake * UNIT,
  delegatedUnits: 0n,
  sigmaPpm: 0,
});

export const [A, B, C] = ['a', 'b', 'c'].map((digit) => wallet(digit)) as [string, string, string];
export const [V, W] = ['1', '2'].map((digit) => wallet(digit)) as [string, string];
export const NODES = [participant('a', 'node'), participant('b', 'node', 4000n), participant('c', 'node', 5000n)];
export const VALIDATORS = [participant('1', 'validator'), participant('2', 'validator', 6000n)];
export const EVERYBODY = [...VALIDATORS, ...NODES];

export const schedule: TaskSchedule = {
  epochs: 2, epochSeconds: 60, stakingSeconds: 600, commitSeconds: 60, revealSeconds: 60, scoringSeconds: 60,
  challengeSeconds: 5, vestingSeconds: 10, earlyClose: true, nodesExpected: 3, validatorsExpected: 2,
};
export const rules: TaskRules = {
  quotaPerEpoch: 1, validatorsPerSubmission: 5, quorum: 2, consensus: 'median', lambdaNano: 1_000_000_000n, toleranceNano: 0n, boardStepNano: 10_000_000n,
  assignmentIntervalSeconds: 0, nodeStakeMinUnits: 3000n * UNIT, validatorStakeMinUnits: 3000n * UNIT, rewardWeight: 1, gammaPpm: 250_000,
  rankShare: 'geometric', qPpm: 500_000, alphaHalf: false, ladderUPpm: 250_000, paidBps: 1_000, finalStake: 'mean', slashingPolicy: 'none',
};
const set = (digit: string, rows: number) => ({ sha256: hash(digit), rows, rowsDigest: hash(digit) });

export const policyOf = (over: { schedule?: Partial<TaskSchedule>; rules?: Partial<TaskRules> } = {}): TaskPolicy => ({
  title: 'Odd or even',
  goal: 'Tell odd numbers from even ones.',
  metric: 'accuracy',
  input: { name: '', elementType: 'float', shape: [2] },
  output: { name: '', elementType: 'float', shape: [1] },
  limits: { bytesMax: 1 << 20, parametersMax: 1000, opsetMin: 13, opsetMax: 24, millisecondsPerRowMax: 1000 },
  dataSets: { training: set('7', 40), rotating: [set('8', 100)], heldBack: set('9', 100), labelColumn: 'label' },
  schedule: { ...schedule, ...over.schedule },
  rules: { ...rules, ...over.rules },
});

type Opened = Extract<EpochEvent, { type: 'skein.arena.epoch.opened.v1' }>;

export const opened = (over: Partial<Opened['data']> = {}, policy: TaskPolicy = policyOf()): Opened => ({
  type: 'skein.arena.epoch.opened.v1',
  data: {
    taskId: TASK_ID, taskRequestId: '00000000-0000-4000-8000-000000000001', epoch: 1, policyVersion: 1, policy, participants: EVERYBODY, rewardEpoch: 0,
    mintedUnits: 1000n * UNIT, carriedInUnits: 0n, entries: [], orderBase: 0, quotaCredits: [],
    openedAtMs: NOW, commitDueAtMs: NOW + policy.schedule.commitSeconds * 1000,
    ...over,
  },
});

/** A stream under test: commands go in, events pile up. */
export class Stream<S, C, E extends DomainEvent> {
  readonly events: E[];
  constructor(
    private readonly decider: Decider<S, C, E>,
    events: readonly E[] = [],
  ) {
    this.events = [...events];
  }
  get state(): S {
    return fold(this.decider, this.events);
  }
  /** Gives a command; the events it led to. */
  do(command: C): readonly E[] {
    const decided = unwrap(this.decider.decide(command, this.state));
    this.events.push(...decided);
    return decided;
  }
  /** The rule by which a command is refused. */
  refused(command: C): string {
    const decided = this.decider.decide(command, this.state);
    if (decided.ok) throw new Error(`was not refused: ${JSON.stringify(decided.value.map(({ type }) => type))}`);
    return decided.error.rule;
  }
  types(): string[] {
    return this.events.map(({ type }) => type.replace(/^skein\.arena\.(.*)\.v1$/, '$1'));
  }
}

const SALT = hash('5');
export const submissionIdOf = (owner: string, epoch = 1, n = 0): string => `${owner.slice(-8)}-000${n}-8000-8000-${String(epoch).padStart(12, '0')}`;

/** Everything a node does in an epoch, as commands. */
export class EpochGame extends Stream<ReturnType<typeof epochDecider.initialState>, EpochCommand, EpochEvent> {
  constructor(
    first: Opened = opened(),
    private readonly known: readonly KnownArtifact[] = [],
  ) {
    super(epochDecider, [first]);
  }
  get base() {
    return { nowMs: NOW + 1000, stakes: EVERYBODY, known: this.known };
  }
  get epoch(): number {
    return this.state.opened!.epoch;
  }
  commitOf(owner: string, artifact: string, n = 0): EpochCommand {
    const commit = commitHash({ taskId: TASK_ID, epoch: this.epoch, owner, artifactSha256: hash(artifact), salt: SALT });
    return { ...this.base, kind: 'commit', submissionId: submissionIdOf(owner, this.epoch, n), owner, commit, epoch: this.epoch };
  }
  revealOf(owner: string, artifact: string, n = 0): EpochCommand {
    return { ...this.base, kind: 'reveal', submissionId: submissionIdOf(owner, this.epoch, n), owner, artifactSha256: hash(artifact), salt: SALT };
  }
  admissionOf(owner: string, rule = '', n = 0): EpochCommand {
    const admission = rule === '' ? { admitted: true as const, parameters: 3, opset: 17 } : { admitted: false as const, rule, message: rule, platformFault: rule === 'platform-fault' };
    return { ...this.base, kind: 'record-admission', submissionId: submissionIdOf(owner, this.epoch, n), admission };
  }
  doneOf(wallet: string): EpochCommand {
    return { ...this.base, kind: 'mark-done', wallet, epoch: this.epoch };
  }
  verdictOf(submissionId: string, scoreNano: bigint, over: Partial<Verdict> = {}): EpochCommand {
    return { ...this.base, kind: 'record-verdict', verdict: verdict(submissionId, scoreNano, over) };
  }
  commit(owner: string, artifact: string, n = 0) {
    return this.do(this.commitOf(owner, artifact, n));
  }
  reveal(owner: string, artifact: string, n = 0) {
    return this.do(this.revealOf(owner, artifact, n));
  }
  admit(owner: string, rule = '', n = 0) {
    return this.do(this.admissionOf(owner, rule, n));
  }
}

/** Both validators agree; their shares follow stake. */
export const verdict = (submissionId: string, scoreNano: bigint, over: Partial<Verdict> = {}): Verdict => ({
  submissionId,
  outcome: 'counted',
  rule: '',
  scoreNano,
  shares: [
    { wallet: V, share: FP_ONE / 3n, shareAlone: FP_ONE / 3n },
    { wallet: W, share: FP_ONE - FP_ONE / 3n, shareAlone: FP_ONE - FP_ONE / 3n },
  ],
  ...over,
});
