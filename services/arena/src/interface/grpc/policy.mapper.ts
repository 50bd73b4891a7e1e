import type { MessageInitShape } from '@bufbuild/protobuf';
import { Consensus, FinalStake, Metric as ProtoMetric, type ProposeTaskRequest, RankShare, type TaskSchema } from '@skein/contracts/arena';
import type { Proposal } from '../../application/task-commands.js';
import type { Metric } from '../../domain/task/metric.policy.js';
import type { TaskPolicy, TaskRules, TaskSchedule, TensorShape } from '../../domain/task/task.policy.js';

type ProtoTask = MessageInitShape<typeof TaskSchema>;

const METRICS: readonly (readonly [ProtoMetric, Metric])[] = [
  [ProtoMetric.ACCURACY, 'accuracy'],
  [ProtoMetric.BALANCED_ACCURACY, 'balanced-accuracy'],
  [ProtoMetric.AUC, 'auc'],
  [ProtoMetric.LOG_LOSS, 'log-loss'],
  [ProtoMetric.F1, 'f1'],
  [ProtoMetric.RMSE, 'rmse'],
  [ProtoMetric.MAE, 'mae'],
  [ProtoMetric.R2, 'r2'],
];

const GM_FLOCK = 10n ** 18n;
const STAKE_MIN_UNITS = 3_000n * GM_FLOCK;
const LIMITS = { bytesMax: 16 * 1024 * 1024, parametersMax: 4_000_000, opsetMin: 13, opsetMax: 24, millisecondsPerRowMax: 1_000 };
const units = (text: string, standard: bigint): bigint => (text === '' ? standard : BigInt(text));

function tensor(of: { name: string; elementType: string; shape: number[] } | undefined): TensorShape {
  return { name: of?.name ?? '', elementType: of?.elementType || 'float', shape: of?.shape ?? [] };
}

function rulesOf(given: NonNullable<ProposeTaskRequest['rules']>): TaskRules {
  return {
    quotaPerEpoch: given.quotaPerEpoch,
    validatorsPerSubmission: given.validatorsPerSubmission || 5,
    quorum: given.quorum || 3,
    consensus: given.consensus === Consensus.MEAN ? 'mean' : 'median',
    lambdaNano: given.lambdaNano || 1_000_000_000n,
    toleranceNano: given.toleranceNano,
    boardStepNano: given.boardStepNano || 10_000_000n,
    assignmentIntervalSeconds: given.assignmentIntervalSeconds,
    nodeStakeMinUnits: units(given.nodeStakeMinUnits, STAKE_MIN_UNITS),
    validatorStakeMinUnits: units(given.validatorStakeMinUnits, STAKE_MIN_UNITS),
    rewardWeight: given.rewardWeight || 1,
    gammaPpm: given.gammaPpm ?? 250_000,
    rankShare: given.rankShare === RankShare.LADDER ? 'ladder' : 'geometric',
    qPpm: given.qPpm || 500_000,
    alphaHalf: given.alphaHalf,
    ladderUPpm: given.ladderUPpm || 250_000,
    paidBps: given.paidBps ?? 1_000,
    finalStake: given.finalStake === FinalStake.LAST ? 'last' : 'mean',
    slashingPolicy: 'none',
  };
}

function scheduleOf({ $typeName: _, $unknown: __, ...given }: NonNullable<ProposeTaskRequest['schedule']>): TaskSchedule {
  return given;
}

/** A validated request as a proposal with every default filled in. */
export function proposalOf(request: ProposeTaskRequest, creator: string): Proposal {
  const { dataSets, limits, schema } = request;
  const sets = dataSets!;
  return {
    requestId: request.requestId,
    creator,
    policy: {
      title: request.title,
      goal: request.goal,
      metric: METRICS.find(([proto]) => proto === request.metric)![1],
      input: tensor(schema!.input),
      output: tensor(schema!.output),
      limits: {
        bytesMax: limits?.bytesMax || LIMITS.bytesMax,
        parametersMax: limits?.parametersMax || LIMITS.parametersMax,
        opsetMin: limits?.opsetMin || LIMITS.opsetMin,
        opsetMax: limits?.opsetMax || LIMITS.opsetMax,
        millisecondsPerRowMax: limits?.millisecondsPerRowMax || LIMITS.millisecondsPerRowMax,
      },
      schedule: scheduleOf(request.schedule!),
      rules: rulesOf(request.rules!),
    },
    training: { field: 'data_sets.training_sha256', sha256: sets.trainingSha256 },
    rotating: sets.rotatingSha256.map((sha256, index) => ({ field: `data_sets.rotating_sha256[${index}]`, sha256 })),
    heldBack: { field: 'data_sets.held_back_sha256', sha256: sets.heldBackSha256 },
    labelColumn: sets.labelColumn,
  };
}

/** The policy's part of a task as the API shows it. */
export function policyToProto(policy: TaskPolicy): Pick<ProtoTask, 'title' | 'goal' | 'metric' | 'schema' | 'limits' | 'dataSets' | 'schedule' | 'rules'> {
  const { input, output, dataSets, rules } = policy;
  const { consensus, rankShare, finalStake, nodeStakeMinUnits, validatorStakeMinUnits, ...rest } = rules;
  return {
    title: policy.title,
    goal: policy.goal,
    metric: METRICS.find(([, metric]) => metric === policy.metric)![0],
    schema: { input: { ...input, shape: [...input.shape] }, output: { ...output, shape: [...output.shape] } },
    limits: policy.limits,
    dataSets: {
      trainingSha256: dataSets.training.sha256,
      rotatingSha256: dataSets.rotating.map(({ sha256 }) => sha256),
      heldBackSha256: dataSets.heldBack.sha256,
      labelColumn: dataSets.labelColumn,
    },
    schedule: policy.schedule,
    rules: {
      ...rest,
      consensus: consensus === 'mean' ? Consensus.MEAN : Consensus.MEDIAN,
      rankShare: rankShare === 'ladder' ? RankShare.LADDER : RankShare.GEOMETRIC,
      finalStake: finalStake === 'last' ? FinalStake.LAST : FinalStake.MEAN,
      nodeStakeMinUnits: nodeStakeMinUnits.toString(),
      validatorStakeMinUnits: validatorStakeMinUnits.toString(),
    },
  };
}
