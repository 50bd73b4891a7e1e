import { expect, it } from 'vitest';
import { eventLogFromUrl, parseKafkaUrl } from './event-log-from-url.js';

it('takes a kafka URL apart', () => {
  expect(parseKafkaUrl('kafka://127.0.0.1:9092')).toEqual({ brokers: ['127.0.0.1:9092'], client: 'platformatic', replication: 1 });
  expect(parseKafkaUrl('kafka://a.example:9092,[::1]:9093/?client=kafkajs&replication=3')).toEqual({ brokers: ['a.example:9092', '[::1]:9093'], client: 'kafkajs', replication: 3 });
  expect(parseKafkaUrl('kafka://a.example:9092?client=platformatic').client).toBe('platformatic');
});

it.each([
  ['kafka://', 'host:port'],
  ['kafka://broker', 'host:port'],
  ['kafka://user:secret@broker:9092', 'host:port'],
  ['kafka://a:1,', 'host:port'],
  ['kafka://a:1?client=rdkafka', 'client must be one of kafkajs, platformatic'],
  ['kafka://a:1?acks=0', 'unknown parameter acks'],
  ['kafka://a:1?replication=0', 'replication must be'],
])('says what is wrong with %s without repeating it', (url, problem) => {
  expect(() => parseKafkaUrl(url)).toThrow(problem);
  expect(() => parseKafkaUrl(url)).not.toThrow('secret');
});

it('loads no client before it is used, and closes without one', async () => {
  const log = eventLogFromUrl({ url: 'kafka://127.0.0.1:1' });
  await log.close();
  await expect(log.lag('any')).rejects.toThrow('closed');
});
