import { fromBinary, toJsonString, type MessageInitShape } from '@bufbuild/protobuf';
import { EVENT_TYPES } from '@skein/contracts';
import {
  OperationsService,
  type DeadLetterSchema,
  type DiscardDeadLetterRequest,
  type DiscardDeadLetterResponseSchema,
  type GetDeadLetterRequest,
  type GetDeadLetterResponseSchema,
  type ListConsumersResponseSchema,
  type ListDeadLettersRequest,
  type ListDeadLettersResponseSchema,
  type RedriveDeadLettersRequest,
  type RedriveDeadLettersResponseSchema,
  type RepairDeadLetterRequest,
  type RepairDeadLetterResponseSchema,
  type RepairSchema,
  type ResumeConsumerRequest,
  type ResumeConsumerResponseSchema,
} from '@skein/contracts/operations';
import { RejectionError } from '@skein/kernel';
import {
  discardDeadLetter, discardHalt, listDeadLetters, listHalts, listRepairs, readDeadLetter, readHalt, redriveDeadLetters, repairMessage, resumeConsumer, MESSAGE_BYTES_MAX,
  type ClosedLetter, type ConsumerHalt, type DeadLetter, type EventLog, type KeptRepair, type ReceivedMessage, type Redriven,
} from '@skein/messaging';
import type { Pool } from 'pg';
import type { CallContext } from '../call-context.js';
import { notFound } from '../not-found.js';
import { Rpc } from '../rpc.js';
import type { ConsumerDefinition } from '../service-definition.js';
import { consumerStates } from './consumer-states.js';
import { numberOf, sizeOf, tokenOf } from './page.js';

type Listed = MessageInitShape<typeof DeadLetterSchema>;

const messageOf = ({ topic, partition, offset, key, id, type }: ReceivedMessage): Listed => ({ topic, partition, offset, key, messageId: id, type });
const letterOf = ({ id, group, message, reason, first, parkedAtMs }: DeadLetter, outcome: ClosedLetter['outcome'] = 'open'): Listed => ({
  ...messageOf(message), id: String(id), group, reason, atMs: BigInt(parkedAtMs), state: outcome !== 'open' ? outcome : first ? 'failed' : 'waits',
});
const haltOf = ({ id, group, message, reason, haltedAtMs, resuming }: ConsumerHalt): Listed => ({
  ...messageOf(message), id: `h${id}`, group, reason, atMs: BigInt(haltedAtMs), state: resuming ? 'resuming' : 'halted',
});

const repairOf = ({ headers, oversize, by, reason, repairedAtMs }: KeptRepair): MessageInitShape<typeof RepairSchema> => ({ headers: { ...headers }, oversize, by, reason, atMs: BigInt(repairedAtMs) });

/** A call ends well within the 30 s that a caller waits, and tells what is left. */
const REDRIVE_MS = 20_000;
const REDRIVE_LETTERS = 1_000;

/** Which of a group's letters a redrive handles, and from which on. */
interface Which {
  readonly topic?: string;
  readonly key?: string;
  readonly lettersMax?: number;
  readonly fromId?: bigint | undefined;
}

/** What it answers with. */
interface RedriveAnswer {
  readonly done: number;
  readonly failed: Redriven['failed'][number][];
  readonly remaining: number;
  readonly nextPageToken: string;
}

/** Of a value that may be large. */
const SHOWN_BYTES_MAX = 64 * 1024;

/** What an operator asks of a service's consumers, and does about messages that they cannot handle. */
export class ConsumerApi {
  readonly #pool: Pool;
  readonly #log: EventLog;
  readonly #consumers: readonly ConsumerDefinition[];
  constructor(pool: Pool, log: EventLog, consumers: readonly ConsumerDefinition[]) {
    this.#pool = pool;
    this.#log = log;
    this.#consumers = consumers;
  }

  @Rpc(OperationsService.method.listConsumers)
  async listConsumers(): Promise<MessageInitShape<typeof ListConsumersResponseSchema>> {
    return consumerStates(this.#pool, this.#log, this.#consumers);
  }

  @Rpc(OperationsService.method.resumeConsumer)
  async resumeConsumer({ group }: ResumeConsumerRequest, call: CallContext): Promise<MessageInitShape<typeof ResumeConsumerResponseSchema>> {
    this.#groupOf(group);
    return { halts: await resumeConsumer(this.#pool, group, call.metadata().actor) };
  }

  @Rpc(OperationsService.method.listDeadLetters)
  async listDeadLetters({ group, topic, key, pageSize, pageToken }: ListDeadLettersRequest): Promise<MessageInitShape<typeof ListDeadLettersResponseSchema>> {
    const [after, size] = [numberOf(pageToken), sizeOf(pageSize)];
    const narrow = { ...(group === '' ? {} : { group }), ...(topic === '' ? {} : { topic }), ...(key === '' ? {} : { key }) };
    // What halts a whole group comes first; there are as many as partitions at most, so the first page holds them.
    const halts = after !== undefined ? [] : (await listHalts(this.#pool, group === '' ? undefined : group)).filter(({ message }) => (topic === '' || message.topic === topic) && (key === '' || message.key === key));
    const found = await listDeadLetters(this.#pool, { ...narrow, limit: size + 1, ...(after === undefined ? {} : { afterId: after }) });
    const page = found.slice(0, size);
    return { deadLetters: [...halts.map(haltOf), ...page.map((letter) => letterOf(letter))], nextPageToken: found.length > size ? tokenOf(String(page.at(-1)?.id)) : '' };
  }

  @Rpc(OperationsService.method.getDeadLetter)
  async getDeadLetter({ id }: GetDeadLetterRequest): Promise<MessageInitShape<typeof GetDeadLetterResponseSchema>> {
    if (id.startsWith('h')) {
      const halt = await this.#haltOf(id);
      return { deadLetter: haltOf(halt), ...(await this.#contentOf(halt)) };
    }
    const letter = await this.#letterOf(id);
    const { outcome, closedBy, closedReason, closedAtMs } = letter;
    return { deadLetter: letterOf(letter, outcome), ...(await this.#contentOf(letter)), closedBy, closedReason, closedAtMs: BigInt(closedAtMs) };
  }

  @Rpc(OperationsService.method.redriveDeadLetters)
  async redriveDeadLetters({ group, topic, key, pageSize, pageToken }: RedriveDeadLettersRequest, call: CallContext): Promise<MessageInitShape<typeof RedriveDeadLettersResponseSchema>> {
    const consumer = this.#groupOf(group);
    if (key !== '' && topic === '') throw new RejectionError({ code: 'invalid-argument', rule: 'topic-required', message: 'a key is one of a topic: name the topic, too', field: 'topic' });
    const redriven = await this.#redrive(consumer, { topic, key, lettersMax: pageSize || REDRIVE_LETTERS, fromId: numberOf(pageToken) }, call);
    const whole = key === '' && topic === '' && redriven.nextPageToken === '';
    return { ...redriven, halts: whole ? await resumeConsumer(this.#pool, group, call.metadata().actor) : 0 };
  }

  @Rpc(OperationsService.method.discardDeadLetter)
  async discardDeadLetter({ id, reason }: DiscardDeadLetterRequest, call: CallContext): Promise<MessageInitShape<typeof DiscardDeadLetterResponseSchema>> {
    const by = call.metadata().actor;
    if (id.startsWith('h')) {
      const { id: number } = await this.#haltOf(id);
      if (!(await discardHalt(this.#pool, number, by, reason)))
        throw new RejectionError({ code: 'conflict', rule: 'halt-settled', message: `the message of ${id} has had its effect since it halted, or was passed; look at it again`, field: 'id' });
      return { done: 0, failed: [], remaining: 0 };
    }
    const letter = await this.#letterOf(id);
    if (letter.outcome === 'redriven') throw new RejectionError({ code: 'failed-precondition', rule: 'dead-letter-redriven', message: `dead letter ${id} was redriven and has had its effect`, field: 'id' });
    if (letter.outcome === 'open' && !(await discardDeadLetter(this.#pool, letter.id, by, reason)))
      throw new RejectionError({ code: 'conflict', rule: 'dead-letter-busy', message: `dead letter ${id} is being redriven, or has had its effect since; redrive it, or look at it again`, field: 'id' });
    return this.#redrive(this.#groupOf(letter.group), letter.message, call);
  }

  @Rpc(OperationsService.method.repairDeadLetter)
  async repairDeadLetter({ id, headers, oversize, reason }: RepairDeadLetterRequest, call: CallContext): Promise<MessageInitShape<typeof RepairDeadLetterResponseSchema>> {
    const by = call.metadata().actor;
    const halts = id.startsWith('h');
    const letter = halts ? await this.#haltOf(id) : await this.#openLetterOf(id);
    const { group, handlers } = this.#groupOf(letter.group);
    await repairMessage({ pool: this.#pool, log: this.#log, group, handlers, eventTypes: EVENT_TYPES, letter, repair: { headers, oversize }, by, reason });
    if (halts) return { done: 0, failed: [], halts: await resumeConsumer(this.#pool, group, by), remaining: 0 };
    return { ...(await this.#redrive({ group, handlers }, letter.message, call)), halts: 0 };
  }

  async #redrive({ group, handlers }: Pick<ConsumerDefinition, 'group' | 'handlers'>, { topic = '', key = '', lettersMax = REDRIVE_LETTERS, fromId }: Which, call: CallContext): Promise<RedriveAnswer> {
    const { done, failed, rest } = await redriveDeadLetters({
      pool: this.#pool, log: this.#log, group, handlers, eventTypes: EVENT_TYPES, by: call.metadata().actor, signal: call.signal, lettersMax, timeMs: REDRIVE_MS,
      ...(topic === '' ? {} : { topic }), ...(key === '' ? {} : { key }), ...(fromId === undefined ? {} : { fromId }),
    });
    return { done, failed: [...failed], remaining: rest?.letters ?? 0, nextPageToken: rest === undefined ? '' : tokenOf(String(rest.fromId)) };
  }

  #groupOf(group: string): ConsumerDefinition {
    const found = this.#consumers.find((consumer) => consumer.group === group);
    if (found === undefined) throw notFound('group');
    return found;
  }

  async #haltOf(id: string): Promise<ConsumerHalt> {
    const found = await readHalt(this.#pool, BigInt(id.slice(1)));
    if (found === undefined) throw notFound('id');
    return found;
  }

  async #letterOf(id: string): Promise<ClosedLetter> {
    const found = await readDeadLetter(this.#pool, BigInt(id));
    if (found === undefined) throw notFound('id');
    return found;
  }

  async #openLetterOf(id: string): Promise<ClosedLetter> {
    const letter = await this.#letterOf(id);
    if (letter.outcome !== 'open') throw new RejectionError({ code: 'failed-precondition', rule: 'dead-letter-closed', message: `dead letter ${id} was ${letter.outcome}`, field: 'id' });
    return letter;
  }

  /** What cannot be decoded is shown by its bytes alone. */
  async #contentOf({ group, message, whole }: Pick<DeadLetter, 'group' | 'message' | 'whole'>): Promise<Omit<MessageInitShape<typeof GetDeadLetterResponseSchema>, '$typeName' | 'deadLetter'>> {
    const { topic, type, headers, value } = message;
    const schema = this.#consumers.find((one) => one.group === group)?.handlers.find((handler) => handler.topic === topic && handler.type === type)?.schema;
    let messageJson = '';
    try {
      if (schema !== undefined && value.byteLength <= MESSAGE_BYTES_MAX) messageJson = toJsonString(schema, fromBinary(schema, value));
    } catch {
      // the very reason why it lies here may be that nobody can read it
    }
    const repairs = (await listRepairs(this.#pool, group, message)).map(repairOf);
    return { headers: { ...headers }, messageJson, value: value.subarray(0, SHOWN_BYTES_MAX), valueBytes: BigInt(value.byteLength), whole, repairs };
  }
}
