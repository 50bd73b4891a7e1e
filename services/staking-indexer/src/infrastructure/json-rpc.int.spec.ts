import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ChainTrouble } from '../application/chain-trouble.js';
import { JsonRpc, RpcError } from './json-rpc.js';

const BYTES_MAX = 100_000;
const TIMEOUT_MS = 300;

let server: Server;
let answer: (response: ServerResponse) => void;
let rpc: JsonRpc;
beforeEach(async () => {
  server = createServer((request, response) => void request.resume().on('end', () => answer(response)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  rpc = new JsonRpc(`http://127.0.0.1:${(server.address() as AddressInfo).port}/a-secret-key`, { timeoutMs: TIMEOUT_MS, answerBytesMax: BYTES_MAX });
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const says = (text: string | Buffer, headers: Readonly<Record<string, string>> = {}) => (response: ServerResponse) => void response.writeHead(200, headers).end(text);
const status = (code: number, headers: Readonly<Record<string, string>> = {}) => (response: ServerResponse) => void response.writeHead(code, headers).end('no');
const whole = JSON.stringify([{ jsonrpc: '2.0', id: 0, result: '0x1' }]);

/** A byte now and another one then, each of them in time, and no end. */
function drip(response: ServerResponse): void {
  const next = (): void => void (response.destroyed || response.write(' ', () => setImmediate(next)));
  next();
}

const REFUSED: readonly (readonly [name: string, rule: string, answer: (response: ServerResponse) => void])[] = [
  ['nothing at all', 'answer-not-json', says('')],
  ['HTML', 'answer-not-json', says('<!doctype html><title>Welcome</title>')],
  ['half a JSON', 'answer-not-json', says(whole.slice(0, -9))],
  ['less than it announced', 'endpoint-unreachable', (response) => void response.writeHead(200, { 'content-length': '999' }).write(whole, () => response.destroy())],
  ['bytes that are no text', 'answer-not-json', says(Buffer.from([0xff, 0xfe, 0x00, 0x80]))],
  ['what nobody asked to be packed', 'answer-not-json', says(gzipSync(whole), { 'content-encoding': 'gzip' })],
  ['10 MB', 'answer-too-large', says(Buffer.alloc(10_000_000, 'f'))],
  ['a body that drips', 'endpoint-timeout', drip],
  ['a refusal that drips', 'endpoint-status', (response) => drip(response.writeHead(500))],
  ['a redirection', 'endpoint-status', status(302, { location: 'http://127.0.0.1:1/' })],
  ['no content', 'endpoint-status', status(204)],
  ['too many requests', 'rate-limited', status(429)],
  ['a word', 'answer-malformed', says('"busy"')],
  ['a number', 'answer-malformed', says('7')],
  ['one answer in place of a list', 'answer-malformed', says('{"id":0,"result":"0x1","error":null}')],
  ['a list of words', 'answer-malformed', says('["busy",null,7]')],
  ['a list in a list', 'answer-malformed', says(`[${whole}]`)],
  ['a depth that nobody needs', 'answer-malformed', says(`${'['.repeat(20_000)}${']'.repeat(20_000)}`)],
];

test.each(REFUSED)('%s is %s, whatever the key in the URL is, and the next answer counts again', async (_name, rule, refused) => {
  answer = refused;
  const error: unknown = await rpc.call('eth_chainId').catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ChainTrouble);
  expect((error as ChainTrouble).rule).toBe(rule);
  expect((error as ChainTrouble).message.length).toBeLessThan(300);
  expect((error as ChainTrouble).message).not.toContain('secret');
  answer = says(whole);
  expect(await rpc.call('eth_chainId')).toBe('0x1');
});

test('refusals keep what the endpoint said; a null beside a result is none', async () => {
  for (const said of ['[{"id":0,"error":{"code":-32005,"message":"too many results"}}]', '{"id":null,"error":{"code":-32005,"message":"too many results"}}']) {
    answer = says(said);
    const error: unknown = await rpc.call('eth_getLogs').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RpcError);
    expect(error).toMatchObject({ rpcCode: -32_005, message: expect.stringContaining('too many results') });
  }
  answer = says('[{"id":0,"error":"busy"}]');
  await expect(rpc.call('eth_chainId')).rejects.toBeInstanceOf(RpcError);
  answer = says('[{"id":0,"error":null,"result":"0x1"}]');
  expect(await rpc.call('eth_chainId')).toBe('0x1');
});

test('one answer may be given more room than the others', async () => {
  answer = says(JSON.stringify([{ id: 0, result: 'f'.repeat(BYTES_MAX) }]));
  await expect(rpc.batch([['eth_getTransactionReceipt']])).rejects.toMatchObject({ rule: 'answer-too-large' });
  expect(await rpc.batch([['eth_getTransactionReceipt']], 2 * BYTES_MAX)).toHaveLength(1);
  await expect(rpc.batch([['eth_getTransactionReceipt']])).rejects.toMatchObject({ rule: 'answer-too-large' });
});
