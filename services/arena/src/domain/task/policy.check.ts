import { type Rejection, type Result, ok, reject } from '@skein/kernel';
import { PARTICIPANTS_MAX } from './participants.policy.js';
import type { TaskPolicy } from './task.policy.js';

/** All submissions of an epoch are judged in one decision of at most 256 events. */
export const QUOTA_MAX = 5;

interface Check {
  readonly field: string;
  readonly rule: string;
  readonly holds: boolean;
  readonly message: string;
}

function checks({ schedule, rules, limits, dataSets, input, output }: TaskPolicy): Check[] {
  const hashes = [dataSets.training, ...dataSets.rotating, dataSets.heldBack].map(({ sha256 }) => sha256);
  return [
    { field: 'rules.quorum', rule: 'quorum-at-most-validators', holds: rules.quorum <= rules.validatorsPerSubmission, message: 'the quorum is at most the validators per submission' },
    {
      field: 'schedule.validators_expected',
      rule: 'expected-reach-quorum',
      holds: schedule.validatorsExpected === 0 || schedule.validatorsExpected >= rules.quorum,
      message: 'the expected validators reach the quorum',
    },
    {
      field: 'schedule.nodes_expected',
      rule: 'expected-both-or-none',
      holds: schedule.nodesExpected > 0 === schedule.validatorsExpected > 0,
      message: 'expected nodes and expected validators are given together',
    },
    { field: 'rules.quota_per_epoch', rule: 'max', holds: rules.quotaPerEpoch <= QUOTA_MAX, message: `a node commits at most ${QUOTA_MAX} times in an epoch` },
    {
      field: 'schedule.nodes_expected',
      rule: 'max',
      holds: schedule.nodesExpected <= PARTICIPANTS_MAX && schedule.validatorsExpected <= PARTICIPANTS_MAX,
      message: `at most ${PARTICIPANTS_MAX} nodes and ${PARTICIPANTS_MAX} validators take part`,
    },
    { field: 'rules.gamma_ppm', rule: 'max', holds: rules.gammaPpm <= 500_000, message: 'γ is at most one half' },
    { field: 'rules.q_ppm', rule: 'min', holds: rules.qPpm > 0 && rules.qPpm < 1_000_000, message: 'q lies between 0 and 1' },
    { field: 'rules.ladder_u_ppm', rule: 'min', holds: rules.ladderUPpm >= 10_000, message: 'u is at least 0.01' },
    { field: 'rules.board_step_nano', rule: 'min', holds: rules.boardStepNano > 0n, message: 'the board has a step' },
    { field: 'limits.opset_max', rule: 'opset-range', holds: limits.opsetMin <= limits.opsetMax, message: 'the least opset is at most the greatest' },
    { field: 'data_sets', rule: 'data-sets-differ', holds: new Set(hashes).size === hashes.length, message: 'every data set is another file' },
    {
      field: 'schema',
      rule: 'shape-positive',
      holds: [...input.shape, ...output.shape].every((size) => size > 0) && input.shape.length > 0 && output.shape.length > 0,
      message: 'input and output name positive sizes after the batch dimension',
    },
  ];
}

/** What must hold between the parameters of a task; single fields are checked where the request comes in. */
export function checkPolicy(policy: TaskPolicy): Result<void, Rejection> {
  const broken = checks(policy).find(({ holds }) => !holds);
  return broken ? reject('invalid-argument', broken.rule, broken.message, broken.field) : ok(undefined);
}
