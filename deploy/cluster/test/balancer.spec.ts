import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { freePort } from '@skein/embedded';
import { Balancer, type Backend } from '../src/index.js';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

/** Answers each connection with its name and echoes what comes. */
async function instance(name: string): Promise<{ server: Server; sockets: Socket[]; port: number }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write(`${name}\n`);
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push({ close: () => { sockets.forEach((socket) => socket.destroy()); server.close(); } });
  return { server, sockets, port: (server.address() as AddressInfo).port };
}

async function balanced(backends: readonly Backend[]): Promise<Balancer> {
  const balancer = await Balancer.start(await freePort(), backends);
  open.push({ close: () => balancer.stop() });
  return balancer;
}

const usable = (port: number): Backend => ({ port, usable: () => true });

/** What a new connection hears first; "reset" where it is cut. */
async function greeting({ port }: Balancer): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const heard = Promise.race([once(socket, 'data').then(([data]) => String(data).trim()), once(socket, 'close').then(() => 'reset')]);
  const answer = await heard.catch(() => 'reset');
  socket.destroy();
  return answer;
}

test('each connection goes to the next instance', async () => {
  const [a, b] = await Promise.all([instance('a'), instance('b')]);
  const balancer = await balanced([usable(a.port), usable(b.port)]);
  expect([await greeting(balancer), await greeting(balancer), await greeting(balancer), await greeting(balancer)]).toEqual(['a', 'b', 'a', 'b']);
});

test('an instance that does not accept is skipped, and used again when it does', async () => {
  const a = await instance('a');
  const port = await freePort();
  const balancer = await balanced([usable(port), usable(a.port)]);
  expect([await greeting(balancer), await greeting(balancer)]).toEqual(['a', 'a']);
  const late = createServer((socket) => socket.on('error', () => undefined).end('late\n')).listen(port, '127.0.0.1');
  await once(late, 'listening');
  open.push({ close: () => late.close() });
  expect([await greeting(balancer), await greeting(balancer)].sort()).toEqual(['a', 'late']);
});

test('one that is ending gets a connection only where no other is left', async () => {
  const [a, b] = await Promise.all([instance('a'), instance('b')]);
  const ending: Backend = { port: a.port, usable: () => false };
  const balancer = await balanced([ending, usable(b.port)]);
  expect([await greeting(balancer), await greeting(balancer), await greeting(balancer)]).toEqual(['b', 'b', 'b']);
  expect(await greeting(await balanced([ending]))).toBe('a');
});

test('without any instance the connection is reset', async () => {
  expect(await greeting(await balanced([usable(await freePort())]))).toBe('reset');
});

test('bytes pass both ways, and the death of one side is the other\'s', async () => {
  const a = await instance('a');
  const balancer = await balanced([usable(a.port)]);
  const socket = connect(balancer.port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'data');
  const sent = Buffer.alloc(1 << 20, 7);
  let received = 0;
  const all = new Promise<void>((resolve) => socket.on('data', (data: Buffer) => (received += data.length) >= sent.length && resolve()));
  socket.write(sent);
  await all;
  const closed = once(socket, 'close');
  a.sockets[0]?.resetAndDestroy();
  await closed;
});

test('a taken port is refused', async () => {
  const a = await instance('a');
  await expect(Balancer.start(a.port, [])).rejects.toThrow('EADDRINUSE');
});
