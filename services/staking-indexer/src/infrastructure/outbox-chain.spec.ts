import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { emissionAbi } from '@skein/contracts-evm';
import { RejectionError } from '@skein/kernel';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RpcTransactionChain } from './outbox-chain.js';

const CANARY = 'canary-0f1e2d3c4b5a';
const EMISSION = { address: `0x${'a3'.repeat(20)}`, abi: emissionAbi } as const;
const events = { ...EMISSION, eventName: 'EpochMinted', args: {} };
const HASH = `0x${'1'.repeat(64)}` as const;

interface Question {
  readonly id: number;
  readonly method: string;
}
type Answer = (response: ServerResponse, questions: readonly Question[], url: string) => void;

let server: Server;
let base: string;
let answer: Answer;
beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      answer(response, JSON.parse(Buffer.concat(chunks).toString()) as Question[], `http://${request.headers.host}${request.url}`);
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const json = (body: (id: number, url: string) => object): Answer => (response, questions, url) => void response.end(JSON.stringify(questions.map(({ id }) => ({ jsonrpc: '2.0', id, ...body(id, url) }))));

/** Endpoints that repeat what they were asked by, and what viem makes of answers that are none. */
const BAD: Readonly<Record<string, Answer>> = {
  'a status': (response, _questions, url) => void response.writeHead(500).end(url),
  'a page': (response, _questions, url) => void response.end(`<a href="${url}">`),
  'a redirection': (response, _questions, url) => void response.writeHead(302, { location: `${url}/again` }).end(),
  'a refusal': json((_id, url) => ({ error: { code: -32_000, message: `no access by ${url}`, data: { url } } })),
  'a refusal in the data': json((_id, url) => ({ error: { code: 3, message: 'execution reverted', data: url } })),
  'a result of another kind': json((_id, url) => ({ result: url })),
  'an empty result': json(() => ({ result: {} })),
  'a hang-up': (response) => void response.destroy(),
};

const ASKED: readonly ((chain: RpcTransactionChain) => Promise<unknown>)[] = [
  (chain) => chain.finalised(), (chain) => chain.blockHash(3), (chain) => chain.nonceAt(EMISSION.address, 3), (chain) => chain.receipt(HASH), (chain) => chain.send('0x02'), (chain) => chain.fees(),
  (chain) => chain.dryRun(EMISSION.address, { to: EMISSION.address, data: '0x' }), (chain) => chain.read({ ...EMISSION, functionName: 'minted', args: [0n] }, 3),
  (chain) => chain.newestEvent(events, 9), (chain) => chain.newestEvent(events, 'latest'), (chain) => chain.eventsIn(events, 9), (chain) => chain.callOf(HASH),
];

/** Everything that a log line, an event or a metric could be made of. */
const shown = (error: unknown): string => [inspect(error, { depth: 20, showHidden: true, getters: true }), JSON.stringify(error), String(error), error instanceof Error ? error.stack : ''].join('\n');

async function failures(url: string): Promise<string> {
  const chain = new RpcTransactionChain({ rpcUrl: url, chainId: 31_337 });
  const all: string[] = [];
  for (const ask of ASKED) {
    const said: unknown = await ask(chain).catch((error: unknown) => error);
    all.push(shown(said));
    if (said instanceof Error) expect(said).toBeInstanceOf(RejectionError);
    if (said instanceof RejectionError) expect(said.rejection).toMatchObject({ code: 'unavailable', retriable: true });
  }
  return all.join('\n');
}

test.each(Object.entries(BAD))('an endpoint that answers with %s is a named trouble that time may heal, and its key stays in the URL', async (_name, bad) => {
  answer = bad;
  for (const url of [`${base}/v2/${CANARY}`, `${base}/rpc?apikey=${CANARY}&x=1`, `${base}/v2/${encodeURIComponent(`${CANARY}/${CANARY}`)}`]) {
    const text = await failures(url);
    expect(text).toContain('unavailable');
    expect(text).not.toContain(CANARY);
  }
});

test('nor is it in what an endpoint that is not there leaves', async () => {
  const text = await failures(`http://127.0.0.1:1/v2/${CANARY}`);
  expect(text).toContain('endpoint-unreachable');
  expect(text).not.toContain(CANARY);
});

test('a receipt, a block, a nonce or a call that is none decides nothing', async () => {
  const chain = new RpcTransactionChain({ rpcUrl: base, chainId: 31_337 });
  const receipt = { transactionHash: HASH, blockNumber: '0x3', blockHash: HASH, status: '0x1' };
  const results: readonly unknown[] = [{}, [], 'x', 7, { ...receipt, status: undefined }, { ...receipt, blockNumber: null }, { ...receipt, transactionHash: `0x${'2'.repeat(64)}` }];
  for (const result of results) {
    answer = json(() => ({ result }));
    for (const ask of [() => chain.receipt(HASH), () => chain.blockHash(3), () => chain.finalised(), () => chain.nonceAt(EMISSION.address, 3), () => chain.callOf(HASH)])
      await expect(ask()).rejects.toMatchObject({ rejection: { rule: 'answer-malformed' } });
  }
  answer = json(() => ({ result: receipt }));
  expect(await chain.receipt(HASH)).toEqual({ block: { number: 3, hash: HASH }, succeeded: true });
  answer = json(() => ({ result: null }));
  expect([await chain.receipt(HASH), await chain.blockHash(3)]).toEqual([undefined, undefined]);
});
