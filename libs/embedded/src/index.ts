export * from './anvil.js';
export * from './free-port.js';
export * from './kafka.js';
export { defaultCacheDir, KAFKA_VERSION, kafkaAvailable, kafkaJars, type KafkaAvailability } from './kafka-jars.js';
export * from './postgres.js';
export * from './postgres-databases.js';
