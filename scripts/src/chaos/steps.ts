import { FAILPOINTS, REPAIR_FAILPOINTS, type FailpointName, type RepairFailpointName } from '@skein/telemetry';

/** What is played, where, and which steps of it are killed at. */
export interface Act {
  readonly plays: 'scenario' | 'repairs';
  readonly log: 'embedded' | 'kafka';
  readonly steps: readonly Step[];
}

/** A line of the report: a step, and which event log is under it. */
export interface Step {
  /** That of the failpoint; with `.kafka` where Kafka is under it. */
  readonly name: string;
  readonly failpoint: FailpointName | RepairFailpointName;
}

const all = { ...FAILPOINTS, ...REPAIR_FAILPOINTS };
const onEmbedded = (failpoint: Step['failpoint']): Step => ({ name: failpoint, failpoint });
const onKafka = (failpoint: Step['failpoint']): Step => ({ name: `${failpoint}.kafka`, failpoint });
const scenario = Object.keys(FAILPOINTS) as FailpointName[];
const repairs = Object.keys(REPAIR_FAILPOINTS) as RepairFailpointName[];

/** Steps whose next one is up to the event log, or begins with what it gives. */
const MEETS_THE_LOG = /^(relay|consumer|inbox)\./;

/** Everything that is killed at, in the order of the report. */
export const ACTS: readonly Act[] = [
  { plays: 'scenario', log: 'embedded', steps: scenario.map(onEmbedded) },
  { plays: 'scenario', log: 'kafka', steps: scenario.filter((name) => MEETS_THE_LOG.test(name)).map(onKafka) },
  { plays: 'repairs', log: 'embedded', steps: repairs.map(onEmbedded) },
  { plays: 'repairs', log: 'kafka', steps: repairs.map(onKafka) },
];

/** What has happened and what has not when the step is reached. */
export const describeStep = ({ failpoint }: Step): string => `${all[failpoint].before} | ${all[failpoint].after}`;

/** Whether a step is killed at with Kafka under it, too. */
export const metByKafka = (failpoint: Step['failpoint']): boolean => ACTS.some(({ log, steps }) => log === 'kafka' && steps.some((step) => step.failpoint === failpoint));
