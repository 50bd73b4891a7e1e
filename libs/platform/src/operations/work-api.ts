import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  OperationsService,
  type ListJobsRequest,
  type ListJobsResponseSchema,
  type ListWorkflowsRequest,
  type ListWorkflowsResponseSchema,
  type OperatedJobSchema,
  type RetryJobRequest,
  type RetryJobResponseSchema,
} from '@skein/contracts/operations';
import { listJobs, retryJob, type JobSummary } from '@skein/events';
import { canonicalJson, RejectionError } from '@skein/kernel';
import type { Pool } from 'pg';
import { notFound } from '../not-found.js';
import { Rpc } from '../rpc.js';
import type { WorkflowDefinition } from '../service-definition.js';
import { partsOf, refusedToken, sizeOf, tokenOf } from './page.js';
import { openWorkflows, type WorkflowState } from './workflows.js';

/** A timestamp as the database writes it. */
const TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?[+-]\d\d(:\d\d)?$/;
const STATES = ['open', 'done', 'failed'] as const;

const jobOf = ({ id, kind, state, attempts, createdAtMs, finishedAtMs, ageMs, error, progress }: JobSummary): MessageInitShape<typeof OperatedJobSchema> => ({
  id, kind, state, attempts,
  createdAtMs: BigInt(createdAtMs),
  finishedAtMs: BigInt(finishedAtMs),
  ageMs: BigInt(ageMs),
  error: error ?? '',
  progressJson: progress === undefined ? '' : canonicalJson(progress),
});

function stateOf(text: string): (typeof STATES)[number] | undefined {
  if (text === '') return undefined;
  const state = STATES.find((one) => one === text);
  if (state === undefined) throw new RejectionError({ code: 'invalid-argument', rule: 'known-state', message: `state is one of ${STATES.join(', ')}`, field: 'state' });
  return state;
}

/** Open instances of a kind that are looked at. */
const OPEN_MAX = 10_000;

/** Where an open workflow stands in the list. */
type Place = Pick<WorkflowState, 'openedAtMs' | 'workflow' | 'instance'>;

/** The oldest first; names decide between those of one millisecond, so that a page goes on behind exactly one. */
const byAge = (a: Place, b: Place): number => a.openedAtMs - b.openedAtMs || compare(a.workflow, b.workflow) || compare(a.instance, b.instance);
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function placeOf(token: string): Place | undefined {
  const parts = partsOf(token, 3);
  if (parts === undefined) return undefined;
  const [openedAt, workflow, instance] = parts as [string, string, string];
  if (!/^\d{1,15}$/.test(openedAt)) throw refusedToken();
  return { openedAtMs: Number(openedAt), workflow, instance };
}

/** What an operator asks of a service's jobs and workflows. */
export class WorkApi {
  readonly #pool: Pool;
  readonly #workflows: readonly WorkflowDefinition[];
  constructor(pool: Pool, workflows: readonly WorkflowDefinition[]) {
    this.#pool = pool;
    this.#workflows = workflows;
  }

  @Rpc(OperationsService.method.listJobs)
  async listJobs({ state: text, kind, pageSize, pageToken }: ListJobsRequest): Promise<MessageInitShape<typeof ListJobsResponseSchema>> {
    const [state, size, token] = [stateOf(text), sizeOf(pageSize), partsOf(pageToken, 2)];
    if (token !== undefined && !TIME.test(token[0] as string)) throw refusedToken();
    const found = await listJobs(this.#pool, {
      limit: size + 1,
      ...(state === undefined ? {} : { state }),
      ...(kind === '' ? {} : { kind }),
      ...(token === undefined ? {} : { after: { createdAt: token[0] as string, id: token[1] as string } }),
    });
    const last = found.length > size ? found[size - 1] : undefined;
    return { jobs: found.slice(0, size).map(jobOf), nextPageToken: last === undefined ? '' : tokenOf(last.createdAt, last.id) };
  }

  @Rpc(OperationsService.method.retryJob)
  async retryJob({ id }: RetryJobRequest): Promise<MessageInitShape<typeof RetryJobResponseSchema>> {
    const retried = await retryJob(this.#pool, id);
    const [job] = await listJobs(this.#pool, { id, limit: 1 });
    if (job === undefined) throw notFound('id');
    // Asked twice, the second finds it open: the same answer.
    if (!retried && job.state === 'done') throw new RejectionError({ code: 'failed-precondition', rule: 'job-not-failed', message: `job ${id} is done`, field: 'id' });
    return { job: jobOf(job) };
  }

  @Rpc(OperationsService.method.listWorkflows)
  async listWorkflows({ onlyStuck, pageSize, pageToken }: ListWorkflowsRequest): Promise<MessageInitShape<typeof ListWorkflowsResponseSchema>> {
    const [after, size] = [placeOf(pageToken), sizeOf(pageSize)];
    const open = (await Promise.all(this.#workflows.map((workflow) => openWorkflows(this.#pool, workflow, OPEN_MAX)))).flat();
    const wanted = open.filter((one) => (!onlyStuck || one.stuck !== '') && (after === undefined || byAge(after, one) < 0)).toSorted(byAge);
    const last = wanted.length > size ? wanted[size - 1] : undefined;
    const workflows = wanted.slice(0, size).map((one) => ({ ...one, openedAtMs: BigInt(one.openedAtMs), ageMs: BigInt(one.ageMs), nextDueAtMs: BigInt(one.nextDueAtMs) }));
    return { workflows, nextPageToken: last === undefined ? '' : tokenOf(String(last.openedAtMs), last.workflow, last.instance) };
  }
}
