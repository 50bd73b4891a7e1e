import type { MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import { RejectionError, type RejectionCode } from '@skein/kernel';
import { LOGGER, notFound, Rpc, type CallContext, type Logger } from '../src/index.js';
import { NoteInternalService, type WhoAmIResponseSchema } from './gen/skein/test/internal/v1/notes_pb.js';
import { NoteService, type ApproveNoteRequest, type CreateNoteRequest, type FailRequest, type GetNoteRequest, type ListNotesRequest, type ListNotesResponseSchema, type Note, type NoteSchema, type UpdateNoteRequest, type WatchNotesRequest } from './gen/skein/test/v1/notes_pb.js';

type NoteInit = MessageInitShape<typeof NoteSchema>;

/** What the tests look at and steer. */
export class Probe {
  readonly calls: CallContext[] = [];
  readonly requests: unknown[] = [];
  #gate = Promise.withResolvers<void>();
  waiting = 0;
  closedStreams = 0;
  /** Lets every waiting call go on. */
  open(): void {
    this.#gate.resolve();
    this.#gate = Promise.withResolvers();
  }
  async wait(): Promise<void> {
    this.waiting += 1;
    await this.#gate.promise.finally(() => (this.waiting -= 1));
  }
}

@Injectable()
export class NoteApi {
  constructor(
    @Inject(Probe) private readonly probe: Probe,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Rpc(NoteService.method.createNote)
  async createNote(request: CreateNoteRequest, call: CallContext): Promise<NoteInit> {
    this.probe.calls.push(call);
    this.probe.requests.push(request);
    return { name: 'notes/1', title: request.title, state: request.state, big: request.big };
  }

  @Rpc(NoteService.method.getNote)
  async getNote(request: GetNoteRequest, call: CallContext): Promise<NoteInit> {
    this.probe.calls.push(call);
    const owner = call.identity.kind === 'wallet' && call.identity.wallet.endsWith('1');
    if (request.name === 'notes/missing' || (request.name === 'notes/foreign' && !owner)) throw notFound('name');
    return { name: request.name, big: 9_007_199_254_740_993n };
  }

  @Rpc(NoteService.method.updateNote)
  async updateNote(request: UpdateNoteRequest): Promise<NoteInit> {
    return { ...(request.note?.name === undefined ? {} : { name: request.note.name }), title: `${request.note?.title ?? ''}${request.dryRun ? '?' : '!'}` };
  }

  @Rpc(NoteService.method.approveNote)
  async approveNote(request: ApproveNoteRequest, call: CallContext): Promise<NoteInit> {
    this.probe.calls.push(call);
    return { name: request.name, title: 'approved' };
  }

  @Rpc(NoteService.method.listNotes)
  async listNotes(request: ListNotesRequest): Promise<MessageInitShape<typeof ListNotesResponseSchema>> {
    this.probe.requests.push(request);
    return { notes: [{ name: 'notes/1' }], nextPageToken: '' };
  }

  @Rpc(NoteService.method.fail)
  async fail(request: FailRequest): Promise<NoteInit> {
    if (request.code === 'unexpected') throw new Error('the secret recipe');
    if (request.code === 'database') throw Object.assign(new Error('terminating connection at 10.0.0.7'), { code: '57P01' });
    const rejection = { code: request.code as RejectionCode, rule: 'some-rule', message: `refused with ${request.code}` };
    throw new RejectionError(request.field === '' ? rejection : { ...rejection, field: request.field });
  }

  @Rpc(NoteService.method.wait)
  async wait(_request: unknown, call: CallContext): Promise<NoteInit> {
    this.probe.calls.push(call);
    await this.probe.wait();
    this.logger.info({}, 'waited');
    return { name: 'notes/waited' };
  }

  @Rpc(NoteService.method.watchNotes)
  async *watchNotes(request: WatchNotesRequest, call: CallContext): AsyncIterable<NoteInit> {
    this.probe.calls.push(call);
    try {
      // Has nothing to say for as long as anybody listens.
      if (request.failAfter < 0) await new Promise<void>((resolve) => call.signal.addEventListener('abort', () => resolve()));
      for (let index = 1; request.count === 0 || index <= request.count; index += 1) {
        if (request.failAfter > 0 && index > request.failAfter) throw notFound('count');
        yield { name: `notes/${index}` };
      }
    } finally {
      this.probe.closedStreams += 1;
    }
  }

  @Rpc(NoteService.method.collectNotes)
  async collectNotes(notes: AsyncIterable<Note>): Promise<MessageInitShape<typeof ListNotesResponseSchema>> {
    const collected: Note[] = [];
    for await (const note of notes) collected.push(note);
    return { notes: collected };
  }

  @Rpc(NoteService.method.echoNotes)
  async *echoNotes(notes: AsyncIterable<Note>): AsyncIterable<NoteInit> {
    for await (const note of notes) yield { name: note.name, title: `re ${note.title}` };
  }

  @Rpc(NoteInternalService.method.whoAmI)
  async whoAmI(_request: unknown, call: CallContext): Promise<MessageInitShape<typeof WhoAmIResponseSchema>> {
    return { caller: call.identity.kind === 'service' ? call.identity.service : call.identity.kind, correlationId: call.correlationId, traceparent: call.traceparent ?? '' };
  }
}
