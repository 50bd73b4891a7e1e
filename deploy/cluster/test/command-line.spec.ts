import { expect, test } from 'vitest';
import { HELP, parseCommandLine } from '../src/command-line.js';
import { layoutOf } from '../src/layout.js';

test('defaults', () => {
  expect(parseCommandLine([], {})).toEqual({ data: '.skein-cluster', ephemeral: false, portBase: 7400, eventLog: 'kafka', quiet: false });
});

test('instances are named by service', () => {
  expect(parseCommandLine(['--instances', 'validation=2,fl-aggregator=3'], {})).toMatchObject({ instances: { validation: 2, 'fl-aggregator': 3 } });
});

test('servers of one\'s own come from the environment', () => {
  expect(parseCommandLine([], { KAFKA_BROKERS: 'a:1,b:2', DATABASE_URL: 'postgres://admin:secret@db/postgres' })).toMatchObject({ kafkaBrokers: 'a:1,b:2', databaseUrl: 'postgres://admin:secret@db/postgres' });
});

test.each([
  [['--event-log', 'paper'], '--event-log must be kafka or embedded'],
  [['--port-base', '80'], '--port-base must be an integer from 1024'],
  [['--ephemeral', '--data', 'x'], '--ephemeral keeps nothing'],
  [['--instances', 'moon=2'], 'no service is called "moon"'],
  [['--instances', 'arena=0'], 'arena has 1 to 8 instances, not "0"'],
  [['--nonsense'], '--nonsense'],
])('%j is refused by name', (args, message) => expect(() => parseCommandLine(args, {})).toThrow(message));

test('help explains every option and the ports of the standard cluster', () => {
  expect(parseCommandLine(['--help'], {})).toBeUndefined();
  for (const option of ['--data', '--ephemeral', '--event-log', '--port-base', '--instances', '--seed', '--quiet', 'KAFKA_BROKERS', 'DATABASE_URL']) expect(HELP).toContain(option);
  expect(HELP).toContain(`N+30 … N+${layoutOf(0, {}).end - 1}`);
});
