import { EventHeaderSchema, OperationsService, type EventHeader } from '@skein/contracts/operations';
import { create } from '@bufbuild/protobuf';
import { traceIdsOf, traceOf, traceTree, type TraceLine } from '../causal-trace.js';
import { plain } from '../context.js';
import { CliError, EXIT, usageError } from '../errors.js';
import type { Command, Context } from './command.js';

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const seconds = (ms: bigint): string => `+${(Number(ms) / 1_000).toFixed(3)} s`;
const short = (type: string): string => type.replace(/^skein\./, '').replace(/\.v1$/, '');

async function run(context: Context): Promise<void> {
  const [word = ''] = context.words;
  const subject = UUID.exec(word.toLowerCase())?.[0];
  if (subject === undefined) throw usageError(`"${word}" names no submission: give its UUID or resource name, tasks/…/submissions/…`);
  const ask = async (service: string, filter: { readonly subject?: string; readonly causationIds?: string[]; readonly pageSize: number }): Promise<readonly EventHeader[]> =>
    (await context.api.call(service, OperationsService.method.listEvents, filter)).events;
  const trace = await traceOf(ask, context.services, subject);
  if (trace.events.length === 0) throw new CliError(EXIT.failed, `no event names ${subject}`, 'not-found', 'not-found');
  const traceIds = traceIdsOf(trace);
  if (context.json) return context.writeJson({ subject, traceIds, edges: trace.edges.map((edge) => [...edge]), events: trace.events.map(({ service, ...event }) => ({ service, ...(plain(EventHeaderSchema, create(EventHeaderSchema, event)) as object) })) });
  const begun = trace.events[0]?.recordedAtMs ?? 0n;
  const width = Math.max(...trace.events.map(({ service }) => service.length));
  const line = ({ event, branch }: TraceLine): string => `${seconds(event.recordedAtMs - begun).padStart(11)}  ${event.service.padEnd(width)}  ${branch}${short(event.type)}  ${event.streamId}#${event.version}\n`;
  context.terminal.write(`${trace.events.length} events since ${new Date(Number(begun)).toISOString()}\n${traceTree(trace).map(line).join('')}`);
  context.terminal.write(`services: ${trace.edges.map(([from, to]) => `${from} → ${to}`).join(', ') || trace.events[0]?.service}\n`);
  if (traceIds.length > 0) context.terminal.write(`trace id: ${traceIds.join(', ')}\n`);
}

export const trace: readonly Command[] = [
  {
    name: 'trace', words: ['SUBMISSION'], summary: 'what followed from a submission, through all services',
    text: 'The events that name it and whatever followed from them, by correlation and cause, with seconds since the first one. Any UUID that\nevents name will do: a task, a call, a customer. Trace ids are what to look for where spans are exported.', options: {}, run,
  },
];
