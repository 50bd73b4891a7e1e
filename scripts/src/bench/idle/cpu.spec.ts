import { expect, test } from 'vitest';
import { awaitedTicksOf, cpuSecondsOf, partyOf, percentOfOneCore, readTicks, ticksOf } from './cpu.js';

test.each([
  ['postgres', '/x/bin/postgres -D /data', 'postgresql'],
  ['postgres', 'postgres: arena_app arena 127.0.0.1(1) idle', 'postgresql'],
  ['anvil', '/x/anvil --port 1', 'anvil'],
  ['java', '/usr/bin/java -Xmx256m kafka.Kafka', 'broker'],
  ['node', '/usr/bin/node deploy/all-in-one/dist/main.js', 'skein'],
  ['node', '/usr/bin/node services/arena/dist/main.js worker --database postgres', 'skein'],
])('%s (%s) is %s', (name, command, party) => expect(partyOf(name, command)).toBe(party));

test('ticks are user plus system time, whatever the name holds', () => {
  const fields = ['S', ...Array.from({ length: 10 }, () => '1'), '250', '50', '7', '8'];
  expect(ticksOf(`42 (a) b (c)) ${fields.join(' ')}`)).toBe(300);
  expect(awaitedTicksOf(`42 (a) b (c)) ${fields.join(' ')}`)).toBe(15);
  expect(readTicks(process.pid)).toBeGreaterThanOrEqual(0);
  expect(readTicks(2 ** 30)).toBeUndefined();
});

test('percent of one core, party by party', () => {
  const sample = (party: Parameters<typeof percentOfOneCore>[0][number]['party'], ticks: number) => ({ pid: 1, party, ticksBefore: 1_000, ticksAfter: 1_000 + ticks });
  expect(percentOfOneCore([sample('skein', 100), sample('skein', 50), sample('postgresql', 30), sample('broker', 6)], 60)).toEqual({ skein: 2.5, postgresql: 0.5, anvil: 0, broker: 0.1 });
});

test('seconds so far, party by party', () => {
  const here = cpuSecondsOf([{ pid: process.pid, party: 'skein' }, { pid: 2 ** 30, party: 'broker' }]);
  expect(here.skein).toBeGreaterThan(0);
  expect(here).toMatchObject({ postgresql: 0, anvil: 0, broker: 0 });
});
