// Loaded by `node --import` into a process of a service on Kafka: the consumers of SKEIN_LOSES_CONTEXT get messages without trace context.
const { KAFKA_EVENT_LOGS } = await import('../../../../libs/messaging/dist/kafka/index.js');

const group = process.env.SKEIN_LOSES_CONTEXT;
const stripped = ({ headers: { traceparent: _, ...headers }, ...message }) => ({ ...message, headers });
for (const { prototype } of Object.values(KAFKA_EVENT_LOGS)) {
  const { consume } = prototype;
  prototype.consume = function (options) {
    if (options.group !== group) return consume.call(this, options);
    return consume.call(this, { ...options, onBatch: (batch) => options.onBatch({ ...batch, messages: batch.messages.map(stripped) }) });
  };
}
