// Loaded by `node --import` into a process of a service on Kafka: the consumers of SKEIN_LOSES_CONTEXT get messages without trace context.
const { KafkaJsEventLog } = await import('../../../../libs/messaging/dist/kafka/kafkajs-event-log.js');

const group = process.env.SKEIN_LOSES_CONTEXT;
const { consume } = KafkaJsEventLog.prototype;
const stripped = ({ headers: { traceparent: _, ...headers }, ...message }) => ({ ...message, headers });
KafkaJsEventLog.prototype.consume = function (options) {
  if (options.group !== group) return consume.call(this, options);
  return consume.call(this, { ...options, onBatch: (batch) => options.onBatch({ ...batch, messages: batch.messages.map(stripped) }) });
};
