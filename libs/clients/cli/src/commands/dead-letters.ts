import { DeadLetterSchema, DiscardDeadLetterResponseSchema, GetDeadLetterResponseSchema, OperationsService, RedriveDeadLettersResponseSchema, RepairDeadLetterResponseSchema, type FailedKey, type GetDeadLetterResponse, type RedriveDeadLettersResponse, type Repair } from '@skein/contracts/operations';
import { CliError, EXIT, usageError } from '../errors.js';
import { serviceNamed } from '../services.js';
import { everyPage } from '../pages.js';
import { timeText } from '../table.js';
import { LIMIT, qualified, type Command, type Context } from './command.js';

const { listDeadLetters, getDeadLetter, redriveDeadLetters, discardDeadLetter, repairDeadLetter } = OperationsService.method;

async function list(context: Context): Promise<void> {
  const which = { group: context.text('group'), topic: context.text('topic'), key: context.text('key') };
  const rows = await everyPage(context, async (service, page) => {
    const { deadLetters: found, nextPageToken } = await context.api.call(service, listDeadLetters, { ...which, ...page });
    return { rows: found, next: nextPageToken };
  });
  context.list(DeadLetterSchema, rows, [
    { title: 'id', value: ({ service, value }) => qualified(service, value.id) },
    { title: 'state', value: ({ value }) => value.state },
    { title: 'group', value: ({ value }) => value.group },
    { title: 'message', value: ({ value }) => `${value.topic}/${value.partition}@${value.offset}` },
    { title: 'key', value: ({ value }) => value.key, flexible: true },
    { title: 'since', value: ({ value }) => timeText(value.atMs) },
    { title: 'reason', value: ({ value }) => value.reason, flexible: true },
  ], 'no dead letters, and nothing has halted');
}

/** `billing/h3`, or `h3` with --service. */
function letterOf(context: Context): { service: string; id: string } {
  const [word = ''] = context.words;
  const at = word.lastIndexOf('/');
  const named = at < 0 ? context.text('service') : word.slice(0, at);
  const [service, id] = [serviceNamed(named), word.slice(at + 1)];
  if (service === undefined || !/^h?\d{1,18}$/.test(id)) throw usageError(`"${word}" names no dead letter: write SERVICE/NUMBER as skein dead-letters list shows it`);
  return { service, id };
}

function contentText({ messageJson, value, valueBytes, whole }: GetDeadLetterResponse): string {
  const rest = whole ? '' : '; not all of it is kept here, the event log has the rest';
  return messageJson === '' ? `${valueBytes} bytes that cannot be decoded: ${Buffer.from(value).toString('hex').slice(0, 128)}${rest}` : messageJson;
}

const repairText = ({ headers, oversize, by, reason, atMs }: Repair): string =>
  [...Object.entries(headers).map(([name, text]) => `${name}=${text}`), ...(oversize ? ['larger than the limit'] : []), `${timeText(atMs)} by ${by}: ${reason}`].join(', ');

async function show(context: Context): Promise<void> {
  const { service, id } = letterOf(context);
  const value = await context.api.call(service, getDeadLetter, { id });
  const letter = value.deadLetter;
  const lines = [
    ['id', qualified(service, id)], ['state', letter?.state], ['group', letter?.group], ['message', `${letter?.topic}/${letter?.partition}@${letter?.offset}`], ['key', letter?.key],
    ['message id', letter?.messageId], ['type', letter?.type], ['since', timeText(letter?.atMs ?? 0n)], ['reason', letter?.reason],
    ...(value.closedAtMs === 0n ? [] : [['closed', `${timeText(value.closedAtMs)}${value.closedBy === '' ? '' : ` by ${value.closedBy}`}${value.closedReason === '' ? '' : `: ${value.closedReason}`}`]]),
    ...Object.entries(value.headers).toSorted(([a], [b]) => a.localeCompare(b)).map(([name, text]) => [`header ${name}`, text]),
    ...value.repairs.map((repair) => ['mended', repairText(repair)]),
    ['content', contentText(value)],
  ];
  context.done(service, GetDeadLetterResponseSchema, value, lines.map(([name, text]) => `${String(name).padEnd(12)}  ${text}`).join('\n'));
}

/** What failed again is told key by key, and the command has failed. */
function tellFailed(context: Context, failed: readonly FailedKey[]): void {
  if (failed.length === 0) return;
  context.exit = EXIT.failed;
  if (!context.json) for (const { topic, key, reason } of failed) context.terminal.warn(`skein: ${topic} ${key} failed again and stays parked: ${reason}\n`);
}

/** What was done so far is told before the command fails. */
function cutShort(context: Context, group: string, { done, failed, remaining }: RedriveDeadLettersResponse, error: unknown): never {
  tellFailed(context, failed);
  if (error instanceof CliError) throw new CliError(error.exit, `${group}: ${done} done, ${failed.length} keys failed again, ${remaining} left, then: ${error.message}`, error.code, error.rule);
  throw error;
}

const leftText = (remaining: number): string => (remaining === 0 ? '' : `, ${remaining} behind it wait for skein dead-letters redrive`);

async function redrive(context: Context): Promise<void> {
  const [group = ''] = context.words;
  const which = { group, topic: context.text('topic'), key: context.text('key') };
  const ask = (one: string, pageToken: string): Promise<RedriveDeadLettersResponse> => context.api.call(one, redriveDeadLetters, { requestId: context.terminal.uuid(), ...which, pageToken });
  const { service, value } = await context.one(`a consumer group ${group}`, (one) => ask(one, ''));
  // A service stops in between and says what is left: a backlog of any size is driven through, and counted.
  while (value.nextPageToken !== '') {
    if (!context.json) context.terminal.warn(`${group}: ${value.done} done, ${value.remaining} left\n`);
    const next = await ask(service, value.nextPageToken).catch((error: unknown) => cutShort(context, group, value, error));
    Object.assign(value, next, { done: value.done + next.done, failed: [...value.failed, ...next.failed] });
  }
  tellFailed(context, value.failed);
  context.done(service, RedriveDeadLettersResponseSchema, value, `${group}: ${value.done} done, ${value.failed.length} keys failed again${value.halts === 0 ? '' : ', the halted consumer tries again'}`);
}

function reasonOf(context: Context): string {
  const reason = context.text('reason');
  if (reason === '') throw usageError('--reason TEXT is required: it is kept with the message');
  return reason;
}

/** `ce_type=skein.arena.task.opened.v1` */
function headersOf(context: Context): Record<string, string> {
  return Object.fromEntries(context.texts('header').map((text) => {
    const at = text.indexOf('=');
    if (at < 1) throw usageError(`--header must be NAME=VALUE, not "${text}"`);
    return [text.slice(0, at), text.slice(at + 1)];
  }));
}

async function repair(context: Context): Promise<void> {
  const { service, id } = letterOf(context);
  const [reason, headers, oversize] = [reasonOf(context), headersOf(context), context.flag('oversize')];
  if (Object.keys(headers).length === 0 && !oversize) throw usageError('say what to mend: --header NAME=VALUE, or --oversize');
  const value = await context.api.call(service, repairDeadLetter, { requestId: context.terminal.uuid(), id, headers, oversize, reason });
  tellFailed(context, value.failed);
  context.done(service, RepairDeadLetterResponseSchema, value, `${qualified(service, id)} is mended${value.halts === 0 ? `, ${value.done} done${leftText(value.remaining)}` : ', the halted consumer tries again'}`);
}

async function discard(context: Context): Promise<void> {
  const { service, id } = letterOf(context);
  const reason = reasonOf(context);
  const value = await context.api.call(service, discardDeadLetter, { requestId: context.terminal.uuid(), id, reason });
  tellFailed(context, value.failed);
  context.done(service, DiscardDeadLetterResponseSchema, value, `${qualified(service, id)} is discarded${value.done === 0 ? '' : `, ${value.done} that waited behind it are done`}${leftText(value.remaining)}`);
}

const narrow = { topic: { value: 'TOPIC', help: 'only of this topic' }, key: { value: 'KEY', help: 'only of this key' } };

const REASON = { value: 'TEXT', help: 'kept with the message (required)' };

export const deadLetters: readonly Command[] = [
  { name: 'dead-letters list', words: [], summary: 'parked messages, and those that a money consumer halted before', options: { group: { value: 'GROUP', help: 'only of this group' }, ...narrow, limit: LIMIT }, run: list },
  { name: 'dead-letters show', words: ['SERVICE/NUMBER'], summary: 'one of them with headers and content', options: {}, run: show },
  { name: 'dead-letters redrive', words: ['GROUP'], summary: 'handle them again, key by key in order; a halted group goes on', options: narrow, run: redrive },
  {
    name: 'dead-letters repair', words: ['SERVICE/NUMBER'], summary: 'mend one that was refused before it was decoded, and handle it',
    text: 'For a message with a wrong CloudEvents header, without an id, or larger than the limit. What came stays as it is; what is mended is\nkept beside it with who and why, and holds whenever the message is read again.',
    options: { header: { value: 'NAME=VALUE', many: true, help: 'in the place of what came; may be given more than once' }, oversize: { help: 'it may be larger than the limit' }, reason: REASON }, run: repair,
  },
  { name: 'dead-letters discard', words: ['SERVICE/NUMBER'], summary: 'end one without effect; what waits behind it follows', options: { reason: REASON }, run: discard },
];
