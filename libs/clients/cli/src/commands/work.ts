import { OpenWorkflowSchema, OperatedJobSchema, OperationsService, RetryJobResponseSchema } from '@skein/contracts/operations';
import { EXIT } from '../errors.js';
import { everyPage } from '../pages.js';
import { spanText, timeText } from '../table.js';
import { LIMIT, type Command, type Context } from './command.js';

const { listJobs, listWorkflows, retryJob } = OperationsService.method;

async function jobList(context: Context): Promise<void> {
  const which = { state: context.text('state'), kind: context.text('kind') };
  const rows = await everyPage(context, async (service, page) => {
    const { jobs, nextPageToken } = await context.api.call(service, listJobs, { ...which, ...page });
    return { rows: jobs, next: nextPageToken };
  });
  context.list(OperatedJobSchema, rows, [
    { title: 'service', value: ({ service }) => service },
    { title: 'job', value: ({ value }) => value.id, flexible: true },
    { title: 'kind', value: ({ value }) => value.kind },
    { title: 'state', value: ({ value }) => value.state },
    { title: 'attempts', value: ({ value }) => String(value.attempts), right: true },
    { title: 'asked', value: ({ value }) => timeText(value.createdAtMs) },
    { title: 'age', value: ({ value }) => spanText(value.ageMs), right: true },
    { title: 'progress', value: ({ value }) => value.progressJson, flexible: true },
    { title: 'last error', value: ({ value }) => value.error, flexible: true },
  ], 'no jobs');
}

async function retry(context: Context): Promise<void> {
  const [id = ''] = context.words;
  const { service, value } = await context.one(`a job ${id}`, (one) => context.api.call(one, retryJob, { requestId: context.terminal.uuid(), id }));
  context.done(service, RetryJobResponseSchema, value, `${service}: job ${id} is ${value.job?.state}`);
}

async function workflowList(context: Context): Promise<void> {
  const onlyStuck = context.flag('stuck');
  const rows = await everyPage(context, async (service, page) => {
    const { workflows, nextPageToken } = await context.api.call(service, listWorkflows, { onlyStuck, ...page });
    return { rows: workflows, next: nextPageToken };
  });
  // For scripts that watch: what is stuck is a failure.
  if (onlyStuck && rows.length > 0) context.exit = Math.max(context.exit, EXIT.failed) as typeof context.exit;
  context.list(OpenWorkflowSchema, rows, [
    { title: 'service', value: ({ service }) => service },
    { title: 'workflow', value: ({ value }) => value.workflow },
    { title: 'instance', value: ({ value }) => value.instance, flexible: true },
    { title: 'open for', value: ({ value }) => spanText(value.ageMs), right: true },
    { title: 'next deadline', value: ({ value }) => timeText(value.nextDueAtMs) },
    { title: 'stuck because', value: ({ value }) => value.stuck, flexible: true },
  ], onlyStuck ? 'nothing is stuck' : 'no open workflows');
}

export const work: readonly Command[] = [
  { name: 'jobs', words: [], summary: 'jobs with attempts, age, last error and progress, the newest first', options: { state: { value: 'STATE', help: 'open, done or failed' }, kind: { value: 'KIND', help: 'only of this kind' }, limit: LIMIT }, run: jobList },
  { name: 'jobs retry', words: ['JOB'], summary: 'open a job that was given up again', options: {}, run: retry },
  {
    name: 'workflows', words: [], summary: 'open workflows with their next deadline, the oldest first', options: { stuck: { help: 'only those that nothing will move on; exit code 1 where there are any' }, limit: LIMIT }, run: workflowList,
  },
];
