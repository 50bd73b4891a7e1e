import { RejectionError } from '@skein/kernel';
import { MESSAGE_BYTES_MAX, type ReceivedMessage } from './event-log.js';
import { HEADER, sourceOf } from './headers.js';
import { messageBytes } from './message-size.js';

/** Every public event type by topic, as the contracts have them. */
export type EventTypes = Readonly<Record<string, readonly string[]>>;

const refuse = (rule: string, message: string): RejectionError => new RejectionError({ code: 'invalid-argument', rule, message, retriable: false });

const MAJOR = /\.v\d+$/;
const baseOf = (type: string): string => type.replace(MAJOR, '');

function wrongHeader(message: ReceivedMessage): RejectionError | undefined {
  const { headers } = message;
  if (message.id === '') return refuse('cloudevents-header', `header ${HEADER.id} is missing`);
  if (message.type === '') return refuse('cloudevents-header', `header ${HEADER.type} is missing`);
  const expected = { [HEADER.specVersion]: '1.0', [HEADER.source]: sourceOf(message.topic), [HEADER.contentType]: 'application/protobuf' };
  for (const [name, value] of Object.entries(expected)) {
    const actual = headers[name];
    if (actual !== undefined && actual !== value) return refuse('cloudevents-header', `header ${name} is ${JSON.stringify(actual.slice(0, 100))} instead of ${JSON.stringify(value)}`);
  }
  const version = headers[HEADER.streamVersion];
  return version === undefined || /^\d{1,15}$/.test(version) ? undefined : refuse('cloudevents-header', `header ${HEADER.streamVersion} is no version`);
}

/** A type that no contract has. Topics without contracts (of tests, of others) are not judged. */
function unknownType({ topic, type }: ReceivedMessage, types: EventTypes | undefined, handled: ReadonlySet<string>): RejectionError | undefined {
  const known = types?.[topic];
  if (handled.has(`${topic} ${type}`) || known === undefined || known.includes(type)) return undefined;
  return known.some((each) => baseOf(each) === baseOf(type))
    ? refuse('unknown-major-version', `this build does not know ${type}, only another major version of it`)
    : refuse('unknown-event-type', `no contract of this build knows ${type} on ${topic}`);
}

/** What is wrong with a message before anybody decodes it; undefined for one that may be handled, or ignored. */
export function inspect(message: ReceivedMessage, types: EventTypes | undefined, handled: ReadonlySet<string>): RejectionError | undefined {
  const sizeBytes = messageBytes(message);
  if (sizeBytes > MESSAGE_BYTES_MAX) return refuse('message-too-large', `the message has ${sizeBytes} bytes; at most ${MESSAGE_BYTES_MAX}`);
  return wrongHeader(message) ?? unknownType(message, types, handled);
}

/** The refusal of a message whose id was met with other content. */
export const otherContent = ({ id, topic }: ReceivedMessage): RejectionError =>
  refuse('duplicate-id-other-content', `message ${id} of ${topic} was met before with other content; the first stands`);
