/** What has happened when a failpoint is reached, and what has not. */
export interface Failpoint {
  readonly before: string;
  readonly after: string;
}

/**
 * Every step between two effects at which a process may die, and that the fault-injection suite kills at. Named after the last
 * thing done, or after the first thing not done where nothing has been done yet.
 */
export const FAILPOINTS = {
  'append.before': { before: 'a command is decided', after: 'its events, key, inbox row, jobs and timers are not written' },
  'append.committed': { before: 'they are committed in one transaction', after: 'they have no positions and the caller no answer' },
  'append.sequenced': { before: 'committed events have their positions', after: 'this process has not heard of it' },
  'key.stored': { before: 'an idempotency key is committed with its answer', after: 'nobody has got the answer' },
  'key.answered': { before: 'a repeated command has found its stored answer', after: 'nobody has got the answer' },
  'inbox.before': { before: 'a message is to take effect by a transaction of its own', after: 'its inbox row is not written' },
  'inbox.written': { before: 'the inbox row is written, not committed', after: 'the effect is missing' },
  'inbox.effect': { before: 'the effect is written, too', after: 'neither is committed' },
  'inbox.committed': { before: 'inbox row and effect are committed', after: 'the message is not settled' },
  'relay.read': { before: 'a publication has read its next events', after: 'they are not sent' },
  'relay.sent': { before: 'they are in the event log', after: 'the checkpoint is where it was' },
  'relay.advanced': { before: 'the checkpoint is behind them', after: 'the next ones are not read' },
  'projection.checkpoint': { before: 'a read model has moved its checkpoint, not committed', after: 'its rows are missing' },
  'projection.rows': { before: 'its rows are written, too', after: 'neither is committed' },
  'projection.committed': { before: 'rows and checkpoint are committed', after: 'the process does not know' },
  'reactor.handled': { before: 'a reactor has given its command', after: 'the checkpoint is where it was' },
  'reactor.advanced': { before: 'the checkpoint is behind the events it was given', after: 'the next ones are not read' },
  'job.claimed': { before: 'a job has a worker and a lease', after: 'its work has not begun' },
  'job.handled': { before: 'the work is done and its result is a command that was carried out', after: 'the job is still open' },
  'job.finished': { before: 'the job is closed', after: 'the worker is not free' },
  'timer.claimed': { before: 'a timer is due and leased', after: 'its command is not given' },
  'timer.fired': { before: 'its command was carried out', after: 'the timer is still there' },
  'timer.done': { before: 'the timer is gone', after: 'the worker does not know' },
  'consumer.received': { before: 'a message has come from the event log', after: 'its handler has not begun' },
  'consumer.handled': { before: 'its handler has succeeded', after: 'its offset is not committed' },
  'consumer.committed': { before: 'the offset is committed', after: 'the next messages are not fetched' },
  'payment.charged': { before: 'a payment is taken', after: 'the credit that was bought with it is not written' },
  'artifact.kept': { before: 'uploaded bytes have their name on disk', after: 'nobody owns them' },
  'score.kept': { before: 'a managed validator has kept its secret score', after: 'it is not sealed' },
  'housekeeping.removed': { before: 'some of the rows that nobody can ask for any more are gone', after: 'the next ones are not looked for' },
  'archive.moved': { before: "a closed stream's next events are in the archive", after: "its others are not, and the walk's checkpoint is where it was" },
  'archive.advanced': { before: "the archive's walk is behind the streams it has met", after: 'its lease is not given back' },
  'grpc.answer': { before: 'a call has had its effects', after: 'its answer is not on the wire' },
  'http.answer': { before: 'an HTTP call has had its effects', after: 'its answer is not on the wire' },
} as const satisfies Readonly<Record<string, Failpoint>>;

/**
 * Those of what becomes of a message that cannot be handled. A story without bad messages never reaches them: the fault-injection
 * suite sends some, and an operator sees to them.
 */
export const REPAIR_FAILPOINTS = {
  'letter.parked': { before: 'a message is parked', after: 'it is not settled, so it is delivered again' },
  'letter.discarded': { before: 'a parked message is discarded, with its inbox row', after: 'what waits behind it is not redriven' },
  'halt.recorded': { before: 'a money consumer has written down before which message it halts', after: 'it has not left its group' },
  'halt.discarded': { before: 'the message of a halt is discarded, with its inbox row', after: 'its group has not passed it' },
  'halt.cleared': { before: 'a halt is passed and cleared', after: 'the message is not settled, so it is delivered again' },
  'repair.kept': { before: 'the repair of a message that was refused is written down', after: 'the message is not redriven, nor its group let on' },
  'redrive.handled': { before: 'a redriven message has had its effect', after: 'its letter is still open, and leased' },
  'redrive.done': { before: 'the letter of a redriven message is closed', after: 'the next one of its key is not taken up' },
} as const satisfies Readonly<Record<string, Failpoint>>;

/**
 * Those of what brings decisions to the chain, which runs only where a signer's key is configured: the fault-injection suite's story
 * has none. A spec of the indexer kills a process at each.
 */
export const OUTBOX_FAILPOINTS = {
  'outbox.signed': { before: 'a transaction is signed', after: 'its bytes are not stored, and nobody has seen them' },
  'outbox.stored': { before: 'its bytes are stored with their nonce', after: 'they are not sent' },
  'outbox.sent': { before: 'they are sent', after: 'this process has not noted it' },
  'outbox.receipt': { before: 'a final receipt is seen', after: 'it is not recorded' },
  'outbox.final': { before: 'it is recorded, and its intent is over or parked', after: 'the next one is not looked at' },
} as const satisfies Readonly<Record<string, Failpoint>>;

/** The name of a failpoint. */
export type FailpointName = keyof typeof FAILPOINTS;
/** The name of a failpoint of what brings decisions to the chain. */
export type OutboxFailpointName = keyof typeof OUTBOX_FAILPOINTS;
/** The name of a failpoint of what follows from a message that cannot be handled. */
export type RepairFailpointName = keyof typeof REPAIR_FAILPOINTS;

const HOOK = Symbol.for('skein.failpoint');

type Hooked = typeof globalThis & { [HOOK]?: (name: FailpointName | RepairFailpointName | OutboxFailpointName) => void };

/** Calls the hook that a fault-injecting module has installed; without one it reads a property and does nothing. */
export function failpoint(name: FailpointName | RepairFailpointName | OutboxFailpointName): void {
  (globalThis as Hooked)[HOOK]?.(name);
}
