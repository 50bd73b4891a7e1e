import { ConsumerMemberSchema, ConsumerPartitionSchema, OperationsService, ResumeConsumerResponseSchema } from '@skein/contracts/operations';
import { spanText } from '../table.js';
import type { Command, Context } from './command.js';

const { listConsumers, resumeConsumer } = OperationsService.method;

async function list(context: Context): Promise<void> {
  const rows = await context.each(async (service) => (await context.api.call(service, listConsumers, {})).partitions);
  context.list(ConsumerPartitionSchema, rows, [
    { title: 'group', value: ({ value }) => value.group },
    { title: 'policy', value: ({ value }) => value.policy },
    { title: 'topic', value: ({ value }) => `${value.topic}/${value.partition}` },
    { title: 'committed', value: ({ value }) => String(value.committed), right: true },
    { title: 'head', value: ({ value }) => String(value.head), right: true },
    { title: 'lag', value: ({ value }) => String(value.lag), right: true },
    { title: 'parked', value: ({ value }) => String(value.parked), right: true },
    { title: 'read by', value: ({ value }) => value.process },
    { title: 'state', value: ({ value }) => value.state },
    { title: 'reason', value: ({ value }) => value.reason, flexible: true },
  ], 'no consumers');
}

async function members(context: Context): Promise<void> {
  const rows = await context.each(async (service) => (await context.api.call(service, listConsumers, {})).members);
  context.list(ConsumerMemberSchema, rows, [
    { title: 'group', value: ({ value }) => value.group },
    { title: 'policy', value: ({ value }) => value.policy },
    { title: 'process', value: ({ value }) => (value.member === '' ? 'nobody' : value.process) },
    { title: 'age', value: ({ value }) => (value.ageMs < 0n ? '' : spanText(value.ageMs)), right: true },
    { title: 'lag', value: ({ value }) => String(value.lag), right: true },
    { title: 'parked', value: ({ value }) => String(value.parked), right: true },
    { title: 'state', value: ({ value }) => value.state },
    { title: 'holds', value: ({ value }) => placesText(value.assignment), flexible: true },
  ], 'no consumers');
}

/** `topic/0 1 2, other/0` */
function placesText(places: readonly string[]): string {
  const byTopic = Map.groupBy(places, (place) => place.slice(0, place.lastIndexOf('/')));
  return [...byTopic].map(([topic, own]) => `${topic}/${own.map((place) => place.slice(topic.length + 1)).join(' ')}`).join(', ');
}

async function resume(context: Context): Promise<void> {
  const [group = ''] = context.words;
  const { service, value } = await context.one(`a consumer group ${group}`, (one) => context.api.call(one, resumeConsumer, { requestId: context.terminal.uuid(), group }));
  context.done(service, ResumeConsumerResponseSchema, value, value.halts === 0 ? `${group} has not halted` : `${group} tries again; skein consumers shows whether it passes`);
}

export const consumers: readonly Command[] = [
  { name: 'consumers', words: [], summary: 'consumer groups by partition: lag, parked messages, halts with their reason', options: {}, run: list },
  { name: 'consumers members', words: [], summary: 'live members by group: what each holds, its lag, since when it is there', options: {}, run: members },
  { name: 'consumers resume', words: ['GROUP'], summary: 'let a halted group try again, after the fix', options: {}, run: resume },
];
