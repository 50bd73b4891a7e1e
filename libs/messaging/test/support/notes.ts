import { create, toBinary } from '@bufbuild/protobuf';
import { StringValueSchema, type StringValue } from '@bufbuild/protobuf/wkt';
import type { ConsumerTiming, Delivery, MessageHandler } from '../../src/consumer.types.js';
import type { PublicMessage } from '../../src/event-log.js';
import { ceHeaders } from './messages.js';

/** Type of the test's messages: a StringValue. */
export const NOTED = 'skein.test.noted.v1';

/** Short waits, so that a test sees many tries. */
export const TIMING: ConsumerTiming = { retryDelayMs: 1, backoffFirstMs: 2, backoffMaxMs: 10, alertAfterMs: 20 };

/** A message whose value is the text. */
export const note = (topic: string, key: string, n: number, text = `${n}`, type = NOTED): PublicMessage => ({
  topic, key, id: `${key}#${n}`, type, timeMs: 1_700_000_000_000 + n,
  value: toBinary(StringValueSchema, create(StringValueSchema, { value: text })),
  headers: { ...ceHeaders(topic, `${key}#${n}`, type), ce_subject: key, ce_streamversion: String(n), ce_correlationid: `c-${key}`, traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` },
});

/** A handler of notes. */
export const noteHandler = (topic: string, handle: (text: string, delivery: Delivery) => Promise<unknown>): MessageHandler<typeof StringValueSchema> => ({
  topic, type: NOTED, schema: StringValueSchema, handle: (message: StringValue, delivery) => handle(message.value, delivery),
});
