import { err, ok, RejectionError } from '@skein/kernel';
import { describe, expect, it } from 'vitest';
import { isRetriable, reasonOf, refusalOf } from './failure.js';

const coded = (code: string | number, message = 'm'): Error => Object.assign(new Error(message), { code });
const rejected = (code: 'unavailable' | 'conflict' | 'deadline-exceeded', retriable?: boolean): RejectionError =>
  new RejectionError({ code, rule: 'r', message: 'm', ...(retriable === undefined ? {} : { retriable }) });

describe('isRetriable', () => {
  it.each([
    ['a refused connection', coded('ECONNREFUSED')],
    ['a full disk', coded('ENOSPC')],
    ['a server that shuts down', coded('57P01')],
    ['too many connections', coded('53300')],
    ['a deadlock', coded('40P01')],
    ['an I/O error of the server', coded('58030')],
    ['gRPC unavailable', coded(14)],
    ['gRPC deadline', coded(4)],
    ['a cut connection', new Error('Connection terminated unexpectedly')],
    ['a pool without a free connection', new Error('timeout exceeded when trying to connect')],
    ['unavailable', rejected('unavailable')],
    ['a deadline', rejected('deadline-exceeded')],
    ['a refusal that says so', rejected('conflict', true)],
    ['an error that says so', Object.assign(new Error('m'), { retriable: true })],
    ['a retriable cause', new Error('outer', { cause: coded('ECONNRESET') })],
    ['all addresses refused', new AggregateError([coded('ECONNREFUSED'), coded('ECONNREFUSED')])],
  ])('%s', (_, error) => expect(isRetriable(error)).toBe(true));

  it.each([
    ['a bug', new TypeError('x is undefined')],
    ['a broken constraint', coded('23505')],
    ['gRPC invalid argument', coded(3)],
    ['a conflict', rejected('conflict')],
    ['unavailable that says no', rejected('unavailable', false)],
    ['an error that says no', Object.assign(coded('ECONNRESET'), { retriable: false })],
    ['one of two failures is a bug', new AggregateError([coded('ECONNREFUSED'), new TypeError('x')])],
    ['nothing at all', undefined],
    ['a text', 'ECONNREFUSED'],
  ])('not %s', (_, error) => expect(isRetriable(error)).toBe(false));
});

describe('refusalOf', () => {
  it('finds a returned refusal and nothing else', () => {
    const rejection = { code: 'conflict', rule: 'r', message: 'm' } as const;
    expect(refusalOf(err(rejection))?.rejection).toEqual(rejection);
    for (const value of [undefined, null, 1, 'ok', {}, ok(1), { ok: false }]) expect(refusalOf(value)).toBeUndefined();
  });
});

describe('reasonOf', () => {
  it.each([
    [new TypeError('x'), 'TypeError: x'],
    ['text', 'text'],
    [undefined, 'undefined'],
    [Object.create(null), 'a thrown object'],
  ])('%o', (error, reason) => expect(reasonOf(error)).toBe(reason));

  it('holds no NUL', () => expect(reasonOf(new Error('a\0b'))).toBe('Error: a\uFFFDb'));

  it('is short', () => expect(reasonOf(new Error('x'.repeat(10_000)))).toHaveLength(500));
});
