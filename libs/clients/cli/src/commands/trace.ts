import { EventHeaderSchema, OperationsService } from '@skein/contracts/operations';
import { create } from '@bufbuild/protobuf';
import { EVENTS_MAX, traceIdsOf, traceOf, traceTree, type AskEvents, type CausalTrace, type TraceLine } from '../causal-trace.js';
import { plain } from '../context.js';
import { CliError, EXIT, usageError } from '../errors.js';
import type { Command, Context } from './command.js';

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const seconds = (ms: bigint): string => `+${(Number(ms) / 1_000).toFixed(3)} s`;
const short = (type: string): string => type.replace(/^skein\./, '').replace(/\.v1$/, '');

/** A service that does not answer is told of at the end, and is not asked again: what the others know is worth having. */
const askingOnce = (context: Context, silent: Map<string, CliError>): AskEvents => async (service, question) => {
  if (silent.has(service)) return NOTHING;
  try {
    return await context.api.call(service, OperationsService.method.listEvents, question);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    silent.set(service, error);
    return NOTHING;
  }
};
const NOTHING = { events: [], nextPageToken: '' };

/** Why there may be more than is shown. */
const missingOf = ({ cut }: CausalTrace, silent: ReadonlyMap<string, CliError>): string[] =>
  [...[...silent.keys()].map((service) => `${service} did not answer`), ...(cut ? [`more than ${EVENTS_MAX} events: those found last were not followed`] : [])];

async function run(context: Context): Promise<void> {
  const [word = ''] = context.words;
  const subject = UUID.exec(word.toLowerCase())?.[0];
  if (subject === undefined) throw usageError(`"${word}" names no submission: give its UUID or resource name, tasks/…/submissions/…`);
  const silent = new Map<string, CliError>();
  const trace = await traceOf(askingOnce(context, silent), context.services, subject);
  const missing = missingOf(trace, silent);
  if (trace.events.length === 0 && missing.length > 0) throw silent.values().next().value;
  for (const [service, error] of silent) context.report(error, service);
  if (trace.cut) context.exit = Math.max(context.exit, EXIT.failed) as typeof context.exit;
  if (trace.events.length === 0) throw new CliError(EXIT.failed, `no event names ${subject}`, 'not-found', 'not-found');
  const traceIds = traceIdsOf(trace);
  if (context.json) return context.writeJson({ subject, traceIds, incomplete: missing, edges: trace.edges.map((edge) => [...edge]), events: trace.events.map(({ service, ...event }) => ({ service, ...(plain(EventHeaderSchema, create(EventHeaderSchema, event)) as object) })) });
  const begun = trace.events[0]?.recordedAtMs ?? 0n;
  const width = Math.max(...trace.events.map(({ service }) => service.length));
  const line = ({ event, branch }: TraceLine): string => `${seconds(event.recordedAtMs - begun).padStart(11)}  ${event.service.padEnd(width)}  ${branch}${short(event.type)}  ${event.streamId}#${event.version}\n`;
  context.terminal.write(`${trace.events.length} events since ${new Date(Number(begun)).toISOString()}\n${traceTree(trace).map(line).join('')}`);
  context.terminal.write(`services: ${trace.edges.map(([from, to]) => `${from} → ${to}`).join(', ') || trace.events[0]?.service}\n`);
  if (traceIds.length > 0) context.terminal.write(`trace id: ${traceIds.join(', ')}\n`);
  if (missing.length > 0) context.terminal.write(`incomplete: ${missing.join('; ')}\n`);
}

export const trace: readonly Command[] = [
  {
    name: 'trace', words: ['SUBMISSION'], summary: 'what followed from a submission, through all services',
    text: 'The events that name it and whatever followed from them, by correlation and cause, with seconds since the first one. Any UUID that\nevents name will do: a task, a call, a customer. Trace ids are what to look for where spans are exported.\nWhere a service does not answer, or there is too much of it, the trace says that it is incomplete and the exit code is not 0.', options: {}, run,
  },
];
