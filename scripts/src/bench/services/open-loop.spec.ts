import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { answerIn, HttpLine } from './http-line.js';
import { openLoop, type Line } from './open-loop.js';

let server: Server | undefined;
afterEach(() => void server?.close());
async function serve(listener: Parameters<typeof createServer>[1]): Promise<string> {
  server = createServer(listener as never);
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server?.address() as AddressInfo).port}`;
}
const REQUEST = 'POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}';

/** A server that stands still until it is let go. */
function standing(): { open: () => Line; go: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const send = async () => {
    await promise;
    return { status: 200, head: '', body: '' };
  };
  return { open: () => ({ send, close: () => undefined }), go: resolve };
}

describe('requests at a rate', () => {
  test('are all sent, and each is timed from when it was due, also where it had to wait for a line', async () => {
    const { open, go } = standing();
    let asked = 0;
    const next = (): string => {
      asked += 1;
      // With the second line taken, everything due is waiting behind them; the server goes on when the last one is due.
      if (asked === 2) setImmediate(function look() {
        if (performance.now() - fromMs > 200) go();
        else setImmediate(look);
      });
      return REQUEST;
    };
    const fromMs = performance.now();
    const { timed, lost, lateMs } = await openLoop({ open, next, rate: 100, seconds: 0.2, linesMax: 2, patienceMs: 60_000 });
    expect([timed.length, asked, lost]).toEqual([20, 20, 0]);
    // Evenly due over the time that the server stood still: the first waited longest.
    const waits = timed.map(({ ms }) => ms);
    expect(Math.max(...waits)).toBeGreaterThan(190);
    expect(waits[0]! - waits.at(-1)!).toBeGreaterThan(100);
    expect(lateMs.length).toBeGreaterThan(0);
  });

  test('that nobody answers are lost when patience ends', async () => {
    const { open } = standing();
    expect(await openLoop({ open, next: () => REQUEST, rate: 100, seconds: 0.05, linesMax: 1, patienceMs: 20 })).toMatchObject({ timed: [], lost: 5 });
  });
});

describe('a line', () => {
  test('carries one answer after the other', async () => {
    let times = 0;
    const line = new HttpLine(await serve((_request, response) => response.writeHead(200, { 'content-length': 1 }).end(String((times += 1)))));
    expect((await line.send(REQUEST)).body).toBe('1');
    expect(await line.send(REQUEST)).toMatchObject({ status: 200, body: '2' });
    line.close();
  });

  test('is opened again after an answer that closes it, and says so where it breaks', async () => {
    let times = 0;
    const line = new HttpLine(await serve((request, response) => {
      times += 1;
      if (times === 1) response.writeHead(429, { connection: 'close', 'content-length': 0 }).end();
      else if (times === 2) request.socket.destroy();
      else response.writeHead(204, { 'content-length': 0 }).end();
    }));
    const statuses = [];
    for (let at = 0; at < 3; at += 1) statuses.push((await line.send(REQUEST)).status);
    expect(statuses).toEqual([429, 0, 204]);
    line.close();
  });

  test('waits until an answer is whole', () => {
    const whole = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody';
    for (let end = 0; end < whole.length; end += 1) expect(answerIn(whole.slice(0, end))).toBeUndefined();
    expect(answerIn(whole)).toEqual({ status: 200, head: expect.stringContaining('content-length: 4'), body: 'body' });
  });
});
