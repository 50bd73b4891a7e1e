import { OperationsService, TopicChangeSchema, type TopicChange } from '@skein/contracts/operations';
import { CliError, EXIT } from '../errors.js';
import { CONTEXT_OF } from '../services.js';
import type { Command, Context } from './command.js';

const SERVICE = 'the one that asks the event log, which is one for all; arena where it is absent';

const { planTopics, applyTopics } = OperationsService.method;

/** The log is one for all services: one of them is asked, arena where none is named. */
async function changes(context: Context, ask: (service: string) => Promise<{ changes: TopicChange[] }>): Promise<void> {
  const service = context.text('service') || (Object.keys(CONTEXT_OF)[0] as string);
  const rows = (await ask(service)).changes.map((value) => ({ service, value }));
  context.list(TopicChangeSchema, rows, [
    { title: 'topic', value: ({ value }) => value.topic },
    { title: 'action', value: ({ value }) => value.action },
    { title: 'detail', value: ({ value }) => value.detail, flexible: true },
  ], 'no topics');
  const conflicts = rows.filter(({ value }) => value.action === 'conflict').length;
  if (conflicts > 0) context.report(new CliError(EXIT.failed, `${conflicts} topics are in conflict with the manifest; a number of partitions cannot be changed, so the manifest has to give way`, 'topic-conflict'));
}

export const topics: readonly Command[] = [
  { name: 'topics plan', words: [], summary: "the manifest's topics against the event log's", options: {}, service: SERVICE, run: (context) => changes(context, (service) => context.api.call(service, planTopics, {})) },
  { name: 'topics apply', words: [], summary: 'make what is missing', options: {}, service: SERVICE, run: (context) => changes(context, (service) => context.api.call(service, applyTopics, { requestId: context.terminal.uuid() })) },
];
