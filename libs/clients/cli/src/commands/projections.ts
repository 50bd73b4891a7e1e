import { OperationsService, ReaderSchema, RebuildProjectionResponseSchema, type Reader, type Rebuild, type RebuildProjectionResponse } from '@skein/contracts/operations';
import { CliError, EXIT } from '../errors.js';
import { spanText } from '../table.js';
import type { Command, Context } from './command.js';

const { listProjections, rebuildProjection } = OperationsService.method;
const POLL_MS = 500;
/** A worker takes up what is asked for at once; nobody has for so long: there is none. */
const ASKED_MAX_MS = 30_000;
/** A rebuild that gets no further for so long is one whose worker is gone, or that waits for a lock. */
const STILL_MAX_MS = 300_000;

const progress = ({ state, built, head, eventsPerSecond, remainingMs, error }: Rebuild): string => {
  if (state === 'failed') return `failed, it is tried again: ${error}`;
  if (state === 'done' || state === 'asked') return state;
  return `${state} ${built}/${head}, ${eventsPerSecond} events/s${remainingMs < 0n ? '' : `, ${spanText(remainingMs)} left`}`;
};

async function list(context: Context): Promise<void> {
  const rows = await context.each(async (service) => (await context.api.call(service, listProjections, {})).readers);
  context.list(ReaderSchema, rows, [
    { title: 'service', value: ({ service }) => service },
    { title: 'name', value: ({ value }) => value.name, flexible: true },
    { title: 'kind', value: ({ value }) => value.kind },
    { title: 'version', value: ({ value: { version, liveVersion } }) => (version === 0 ? '' : version === liveVersion ? String(version) : `${liveVersion} → ${version}`) },
    { title: 'position', value: ({ value }) => String(value.position), right: true },
    { title: 'lag', value: ({ value }) => String(value.lag), right: true },
    { title: 'state', value: ({ value }) => `${value.state}${value.active ? '' : ', nobody reads'}` },
    { title: 'rebuild', value: ({ value }) => (value.rebuild === undefined ? '' : progress(value.rebuild)), flexible: true },
  ], 'no readers');
}

async function rebuildOf(context: Context, service: string, name: string): Promise<Reader | undefined> {
  return (await context.api.call(service, listProjections, {})).readers.find((reader) => reader.name === name);
}

async function rebuild(context: Context): Promise<void> {
  const [name = ''] = context.words;
  const { service, value } = await context.one(`a projection ${name}`, (one) => context.api.call(one, rebuildProjection, { requestId: context.terminal.uuid(), name }));
  if (!context.flag('wait')) return context.done(service, RebuildProjectionResponseSchema, value, `${service}: the rebuild of ${name} is ${value.rebuild?.state}; skein projections list shows how far it is`);
  return waitFor(context, service, name, value);
}

function stoodStill(service: string, name: string, now: Rebuild): CliError {
  if (now.state === 'asked') return new CliError(EXIT.failed, `no worker of ${service} has taken up the rebuild of ${name} for ${ASKED_MAX_MS / 1_000} s: is its worker process running? Start it, and it rebuilds ${name} by itself; skein projections list shows how far it is`, 'unattended');
  return new CliError(EXIT.failed, `the rebuild of ${name} has been ${progress(now)} for ${STILL_MAX_MS / 60_000} min: see whether a worker of ${service} is running, and what it logs; it goes on by itself, skein projections list shows how far it is`, 'unattended');
}

async function waitFor(context: Context, service: string, name: string, value: RebuildProjectionResponse): Promise<void> {
  let [said, stillMs, still] = ['', context.terminal.nowMs(), ''];
  for (;;) {
    const now = (await rebuildOf(context, service, name))?.rebuild;
    if (now === undefined) throw new CliError(EXIT.failed, `the rebuild of ${name} is gone`, 'not-found');
    if (now.state === 'done') return context.done(service, RebuildProjectionResponseSchema, { ...value, rebuild: now }, `${service}: ${name} has been rebuilt up to ${now.built}`);
    if (now.state === 'failed') throw new CliError(EXIT.failed, `the rebuild of ${name} failed, it is tried again: ${now.error}`, 'failed');
    if (progress(now) !== said && !context.json) context.terminal.warn(`${(said = progress(now))}\n`);
    const step = `${now.state} ${now.built}`;
    if (step !== still) [still, stillMs] = [step, context.terminal.nowMs()];
    else if (context.terminal.nowMs() - stillMs >= (now.state === 'asked' ? ASKED_MAX_MS : STILL_MAX_MS)) throw stoodStill(service, name, now);
    await context.terminal.wait(POLL_MS);
  }
}

export const projections: readonly Command[] = [
  { name: 'projections list', words: [], summary: 'read models, reactors, publications: how far each has read, rebuilds under way', options: {}, run: list },
  { name: 'projections rebuild', words: ['NAME'], summary: 'rebuild a read model beside the live one', options: { wait: { help: 'wait until it is done, and show how far it is; exit code 1 where no worker takes it up for 30 s, or it gets no further for 5 min' } }, run: rebuild },
];
