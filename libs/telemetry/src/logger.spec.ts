import { DeterministicRandom } from '@skein/kernel';
import { describe, expect, it } from 'vitest';
import { createLogger } from './logger.js';
import { newTraceparent, withTrace } from './trace.js';

function capture(secrets: string[] = []) {
  const lines: string[] = [];
  const logger = createLogger({ service: 'arena', secrets, destination: { write: (line) => void lines.push(line) } });
  return { logger, text: () => lines.join(''), line: () => JSON.parse(lines.at(-1)!) as Record<string, unknown> };
}

describe('logger', () => {
  it('writes one JSON object with level, time, service, fields and message', () => {
    const { logger, line } = capture();
    logger.child({ group: 'g' }).info({ position: 12n, bytes: new Uint8Array(3) }, 'did it');
    expect(line()).toMatchObject({ level: 'info', service: 'arena', group: 'g', position: '12', bytes: '[3 bytes]', message: 'did it' });
    expect(line()['time']).toMatch(/^\d{4}-\d\d-\d\dT/);
  });

  it('writes every key once: a child\'s field instead of its parent\'s, a line\'s own instead of both', () => {
    const { logger, text, line } = capture();
    const billing = logger.child({ service: 'billing', group: 'g' });
    billing.info({}, 'a');
    expect(text().match(/"service":/g)).toHaveLength(1);
    expect(line()).toMatchObject({ service: 'billing', group: 'g' });
    billing.child({ group: 'h' }).info({ service: 'own' }, 'b');
    expect(text().match(/"service":|"group":/g)).toHaveLength(4);
    expect(line()).toMatchObject({ service: 'own', group: 'h' });
    logger.info({}, 'c');
    expect(line()).toMatchObject({ service: 'arena' });
    expect(line()).not.toHaveProperty('group');
  });

  it('censors a child\'s fields, too', () => {
    const { logger, text } = capture();
    logger.child({ password: 'CANARY', url: 'postgres://skein:CANARY@127.0.0.1/db' }).info({}, 'x');
    expect(text()).not.toContain('CANARY');
  });

  it('takes an error itself for the fields', () => {
    const { logger, line } = capture();
    logger.error(new TypeError('bad'), 'x');
    expect(line()).toMatchObject({ service: 'arena', err: { type: 'TypeError', message: 'bad' } });
  });

  it('adds the ids of the running trace', () => {
    const { logger, line } = capture();
    const traceparent = newTraceparent(new DeterministicRandom(new Uint8Array([7])));
    withTrace(traceparent, () => logger.warn({}, 'inside'));
    expect(line()).toMatchObject({ trace_id: traceparent.slice(3, 35), span_id: traceparent.slice(36, 52) });
    logger.warn({}, 'outside');
    expect(line()).not.toHaveProperty('trace_id');
  });

  it.each([
    { authorization: 'CANARY' },
    { headers: { Cookie: 'CANARY' } },
    { a: [{ b: { password: 'CANARY' } }] },
    { SERVICE_TOKEN_SECRET: 'CANARY', accessToken: 'CANARY', private_key: 'CANARY', api_key: 'CANARY' },
    { note: 'sent Bearer CANARY.x' },
    { note: 'key sk_live1_CANARY' },
    { note: 'op_CANARY' },
    { url: 'postgres://skein:CANARY@127.0.0.1/db' },
    { err: new Error('connect postgres://skein:CANARY@127.0.0.1/db', { cause: new Error('Bearer CANARY') }) },
    { note: 'the value CANARY-value itself' },
  ])('never prints a secret: %o', (fields) => {
    const { logger, text } = capture(['CANARY-value']);
    logger.error(fields, 'failed with op_CANARY');
    expect(text()).not.toContain('CANARY');
    expect(text()).toContain('[redacted]');
  });

  it('never prints the row that PostgreSQL quotes with an error', () => {
    const { logger, text, line } = capture();
    const quoted = { detail: 'Failing row contains (1, CANARY).', where: "PL/pgSQL: 'CANARY'", hint: 'CANARY', internalQuery: "SELECT 'CANARY'" };
    const error = Object.assign(new Error('null value in column "salt"'), { code: '23502', table: 'seals', ...quoted });
    logger.error({ err: new Error('outer', { cause: error }) }, 'x');
    expect(text()).not.toContain('CANARY');
    expect(line()).toMatchObject({ err: { cause: { code: '23502', table: 'seals' } } });
  });

  it('keeps what is not secret, and an error\'s name, code and stack', () => {
    const { logger, line } = capture();
    logger.error({ err: Object.assign(new TypeError('bad'), { code: '23505' }), key: 'task-1', tokens: 3 }, 'x');
    expect(line()).toMatchObject({ key: 'task-1', tokens: 3, err: { type: 'TypeError', message: 'bad', code: '23505', stack: expect.stringContaining('bad') } });
  });

  it('survives cycles', () => {
    const { logger, text } = capture();
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    logger.info(cycle, 'round');
    expect(text()).toContain('[deep]');
  });
});
