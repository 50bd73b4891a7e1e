import { OperationsService, StoredEventSchema, StreamSchema, type StoredEvent } from '@skein/contracts/operations';
import { plain } from '../context.js';
import { everyPage } from '../pages.js';
import { timeText } from '../table.js';
import { LIMIT, type Command, type Context } from './command.js';

const { listStreams, readStream } = OperationsService.method;

async function list(context: Context): Promise<void> {
  const [prefix = ''] = context.words;
  const which = { prefix, oldestFirst: context.flag('oldest') };
  const rows = await everyPage(context, async (service, page) => {
    const { streams: found, nextPageToken } = await context.api.call(service, listStreams, { ...which, ...page });
    return { rows: found, next: nextPageToken };
  });
  context.list(StreamSchema, rows, [
    { title: 'service', value: ({ service }) => service },
    { title: 'stream', value: ({ value }) => value.streamId, flexible: true },
    { title: 'events', value: ({ value }) => String(value.version), right: true },
    { title: 'last event', value: ({ value }) => value.lastType, flexible: true },
    { title: 'begun', value: ({ value }) => timeText(value.begunAtMs) },
    { title: 'last', value: ({ value }) => timeText(value.lastAtMs) },
  ], prefix === '' ? 'no streams' : `no stream begins with ${prefix}`);
}

async function show(context: Context): Promise<void> {
  const [streamId = ''] = context.words;
  const request = { streamId, fromVersion: context.number('from', 1, 2_147_483_647), pageSize: context.number('limit', 1, 1_000) };
  const { service, value } = await context.one(`a stream ${streamId}`, (name) => context.api.call(name, readStream, request));
  if (context.json) {
    context.writeJson(value.events.map((event) => ({ service, ...(plain(StoredEventSchema, event) as object), data: JSON.parse(event.dataJson) })));
    if (value.nextVersion > 0) context.terminal.warn(`${JSON.stringify({ more: { service, from: value.nextVersion } })}\n`);
    return;
  }
  const line = ({ header, schemaVersion, actor, dataJson }: StoredEvent): string =>
    `${timeText(header?.recordedAtMs ?? 0n)}  #${header?.version}  ${header?.type} (schema ${schemaVersion}) by ${actor}\n  id ${header?.eventId}  position ${header?.position}  correlation ${header?.correlationId}${header?.causationId === '' ? '' : `  cause ${header?.causationId}`}\n  ${dataJson}\n`;
  context.terminal.write(`${service}: ${streamId}\n${value.events.map(line).join('')}`);
  if (value.nextVersion > 0) context.terminal.warn(`more: skein streams show ${streamId} --from ${value.nextVersion}\n`);
}

export const streams: readonly Command[] = [
  { name: 'streams list', words: ['[PREFIX]'], summary: 'streams whose id begins so, the newest first', options: { oldest: { help: 'the oldest first' }, limit: LIMIT }, run: list },
  { name: 'streams show', words: ['STREAM'], summary: 'events of a stream with their data', options: { from: { value: 'VERSION', help: 'first version to show' }, limit: { value: 'N', help: 'at most so many (default 100, at most 1000); where there are more, "more" on stderr' } }, run: show },
];
