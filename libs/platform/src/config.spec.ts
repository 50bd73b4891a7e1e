import { DEFAULT_LIMITS } from './admission/limits.js';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { commonVariables, ConfigError, parseSettings, secretsOf, type Environment } from './config.js';

const good = { DATABASE_URL: 'postgres://app:pw-in-url@localhost/arena', SERVICE_TOKEN_SECRET: 'x'.repeat(32) };
const own = z.object({ EPOCH_MS: z.coerce.number().int().positive(), TOKEN: z.string().min(10) });

function problems(environment: Environment): readonly string[] {
  try {
    parseSettings({ name: 'arena', config: own }, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test('defaults, peers and own settings', () => {
  const settings = parseSettings({ name: 'arena', config: own }, { ...good, EPOCH_MS: '5000', TOKEN: 'long enough', PEERS_FL_AGGREGATOR: 'localhost:9091', HTTP_PORT: '0', BEACON_SEED: '' });
  expect(settings).toMatchObject({ migrationDatabaseUrl: good.DATABASE_URL, httpPort: 0, grpcPort: 9090, host: '127.0.0.1', peers: { 'fl-aggregator': 'localhost:9091' }, own: { EPOCH_MS: 5000, TOKEN: 'long enough' } });
  expect(settings.beaconSeed).toBeUndefined();
});

test('all problems at once, by name', () => {
  expect(problems({ HTTP_PORT: '99999', CHAIN_ID: 'one', PEERS_ARENA: 'nowhere', EPOCH_MS: '-1', DATABASE_URL: 'mysql://x' }).map((line) => line.split(':')[0])).toEqual(
    expect.arrayContaining(['HTTP_PORT', 'CHAIN_ID', 'PEERS_ARENA', 'EPOCH_MS', 'DATABASE_URL', 'SERVICE_TOKEN_SECRET', 'TOKEN']),
  );
  expect(problems({})).toContain('DATABASE_URL: is missing');
});

test('values are never repeated', () => {
  const text = problems({ DATABASE_URL: 'mysql://hunter2', SERVICE_TOKEN_SECRET: 'hunter2', OPERATOR_TOKEN_SHA256: 'hunter2', PEERS_X: 'hunter2', TOKEN: 'hunter2', LOG_LEVEL: 'hunter2', HTTP_PORT: 'hunter2' }).join('\n');
  expect(text.split('\n').length).toBeGreaterThanOrEqual(7);
  expect(text).not.toContain('hunter2');
});

test('secrets for the logger to censor', () => {
  expect(secretsOf(parseSettings({ name: 'arena' }, good))).toEqual(['x'.repeat(32), 'pw-in-url', 'pw-in-url']);
});

test('limits have defaults, and tenants weights', () => {
  const { limits, callTimeoutMs } = parseSettings({ name: 'arena' }, good);
  expect([limits, callTimeoutMs]).toEqual([DEFAULT_LIMITS, 30_000]);
  const given = parseSettings({ name: 'arena' }, { ...good, CALLS_MAX: '8', CALLS_QUEUED_MAX: '16', TENANT_WEIGHTS: 'organisation:7f=2, wallet:eip155:1:0xab=3', CALL_TIMEOUT_MS: '5000' });
  expect(given).toMatchObject({ callTimeoutMs: 5_000, limits: { callsMax: 8, queuedMax: 16, internalCallsMax: 64, weights: { 'organisation:7f': 2, 'wallet:eip155:1:0xab': 3 } } });
  for (const bad of ['operator', 'operator=0', 'operator=101', 'a=1,,b=2', '=2']) expect(problems({ TENANT_WEIGHTS: bad }).join()).toContain('TENANT_WEIGHTS: must be <tenant>=<1…100>');
  expect(problems({ CALLS_MAX: '0', CALLS_QUEUED_MAX: 'many' }).map((line) => line.split(':')[0])).toEqual(expect.arrayContaining(['CALLS_MAX', 'CALLS_QUEUED_MAX']));
});

test('closed streams are archived by the service\'s own days, or by its operator\'s', () => {
  expect(parseSettings({ name: 'arena' }, good)).toMatchObject({ housekeepingMs: 3_600_000 });
  expect(parseSettings({ name: 'arena' }, good)).not.toHaveProperty('archiveAfterDays');
  expect(parseSettings({ name: 'arena' }, { ...good, HOUSEKEEPING_MS: '60000', ARCHIVE_AFTER_DAYS: '0' })).toMatchObject({ housekeepingMs: 60_000, archiveAfterDays: 0 });
  expect(problems({ HOUSEKEEPING_MS: '1', ARCHIVE_AFTER_DAYS: '-1' }).map((line) => line.split(':')[0])).toEqual(expect.arrayContaining(['HOUSEKEEPING_MS', 'ARCHIVE_AFTER_DAYS']));
});

test('--help knows what is required, optional, and the defaults', () => {
  const byName = new Map(commonVariables().map(({ name, standard }) => [name, standard]));
  expect([byName.get('DATABASE_URL'), byName.get('BEACON_SEED'), byName.get('HTTP_PORT'), byName.get('TENANT_WEIGHTS')]).toEqual(['required', 'optional', '8080', 'operator=4']);
});
