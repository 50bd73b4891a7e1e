import { RejectionError } from '@skein/kernel';
import { MESSAGE_BYTES_MAX, type ReceivedMessage } from './event-log.js';
import { HEADER, sourceOf } from './headers.js';
import { messageBytes } from './message-size.js';

/** Every public event type by topic, as the contracts have them. */
export type EventTypes = Readonly<Record<string, readonly string[]>>;

const refuse = (rule: string, message: string): RejectionError => new RejectionError({ code: 'invalid-argument', rule, message, retriable: false });

const MAJOR = /\.v\d+$/;
const baseOf = (type: string): string => type.replace(MAJOR, '');

const wrong = (text: string): RejectionError => refuse('cloudevents-header', `header ${text}`);
const quoted = (text: string): string => JSON.stringify(text.slice(0, 100));

/** What a header must look like where it is there. */
const FORMS: readonly (readonly [name: string, form: RegExp, what: string])[] = [
  [HEADER.contentType, /^application\/protobuf$/, 'application/protobuf'],
  [HEADER.streamVersion, /^\d{1,15}$/, 'a version'],
  [HEADER.position, /^\d{1,18}$/, 'a position'],
  [HEADER.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i, 'a time'],
];

/** Every header that is looked at before a message is decoded. */
export const JUDGED_HEADERS: ReadonlySet<string> = new Set([HEADER.specVersion, HEADER.id, HEADER.type, HEADER.source, ...FORMS.map(([name]) => name)]);

/** CloudEvents 1.0 requires `specversion`, `id`, `type` and `source`; ours say of each what it is. */
function wrongHeader({ id, type, topic, headers }: ReceivedMessage): RejectionError | undefined {
  if (id === '' || type === '') return wrong(`${id === '' ? HEADER.id : HEADER.type} is missing`);
  const required = { [HEADER.specVersion]: '1.0', [HEADER.id]: id, [HEADER.type]: type, [HEADER.source]: sourceOf(topic) };
  for (const [name, value] of Object.entries(required)) {
    const actual = headers[name];
    if (actual === undefined) return wrong(`${name} is missing`);
    if (actual !== value) return wrong(`${name} is ${quoted(actual)} instead of ${quoted(value)}`);
  }
  for (const [name, form, what] of FORMS) {
    const actual = headers[name];
    if (actual !== undefined && !form.test(actual)) return wrong(`${name} is ${quoted(actual)}, which is not ${what}`);
  }
  return undefined;
}

/** Most bytes of an id, key or type: what a table's index can hold with ease. Ours have less than half. */
export const NAME_BYTES_MAX = 255;

function overlong({ id, key, type }: ReceivedMessage): RejectionError | undefined {
  for (const [what, text] of Object.entries({ id, key, type })) {
    const bytes = Buffer.byteLength(text);
    if (bytes > NAME_BYTES_MAX) return refuse('message-name-too-long', `the ${what} has ${bytes} bytes; at most ${NAME_BYTES_MAX}`);
  }
  return undefined;
}

/** U+0000, which PostgreSQL keeps in no text; what comes by Kafka has U+FFFD in its place, as have bytes that are no UTF-8. */
const NO_TEXT = ['\0', '\uFFFD'];

/** Whether every character of it is one that can be kept. */
export const isText = (text: string): boolean => !NO_TEXT.some((character) => text.includes(character));

/** Whatever a handler does with it, PostgreSQL would refuse it, or keep something else than what was sent. */
function notText({ id, key, type, headers }: ReceivedMessage): RejectionError | undefined {
  const named = Object.entries({ id, key, type }).find(([, text]) => !isText(text))?.[0];
  if (named !== undefined) return refuse('message-not-text', `the ${named} holds U+0000, or bytes that are no text`);
  const header = Object.entries(headers).find(([name, value]) => !isText(name) || !isText(value))?.[0];
  return header === undefined ? undefined : wrong(`${isText(header) ? header : quoted(header)} holds U+0000, or bytes that are no text`);
}

/** A type that no contract has. Topics without contracts (of tests, of others) are not judged. */
function unknownType({ topic, type }: ReceivedMessage, types: EventTypes | undefined, handled: ReadonlySet<string>): RejectionError | undefined {
  const known = types?.[topic];
  if (handled.has(`${topic} ${type}`) || known === undefined || known.includes(type)) return undefined;
  return known.some((each) => baseOf(each) === baseOf(type))
    ? refuse('unknown-major-version', `this build does not know ${type}, only another major version of it`)
    : refuse('unknown-event-type', `no contract of this build knows ${type} on ${topic}`);
}

/** What is wrong with a message before anybody decodes it, `oversize` aside where that is allowed; undefined for one that may be handled, or ignored. */
export function inspect(message: ReceivedMessage, types: EventTypes | undefined, handled: ReadonlySet<string>, oversize = false): RejectionError | undefined {
  const sizeBytes = messageBytes(message);
  if (sizeBytes > MESSAGE_BYTES_MAX && !oversize) return refuse('message-too-large', `the message has ${sizeBytes} bytes; at most ${MESSAGE_BYTES_MAX}`);
  return overlong(message) ?? notText(message) ?? wrongHeader(message) ?? unknownType(message, types, handled);
}

/** The refusal of a message whose content cannot be noted, so that a second one could not be told from a repetition. */
export const unnotedContent = ({ topic, partition, offset }: ReceivedMessage, reason: string): RejectionError =>
  refuse('content-not-noted', `the content of ${topic}/${partition}@${offset} cannot be noted: ${reason}`);

/** The refusal of a message whose id was met with other content. */
export const otherContent = ({ id, topic }: ReceivedMessage): RejectionError =>
  refuse('duplicate-id-other-content', `message ${id} of ${topic} was met before with other content; the first stands`);
