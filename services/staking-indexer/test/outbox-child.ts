import { parseAddressBook } from '@skein/contracts-evm';
import { EventStore } from '@skein/events';
import pg from 'pg';
import { OutboxStore } from '../src/application/outbox/outbox-store.js';
import { RunOutbox } from '../src/application/outbox/run-outbox.js';
import { RpcTransactionChain } from '../src/infrastructure/outbox-chain.js';
import { keyFileSigner } from '../src/infrastructure/signer-key.js';

// The outbox's worker without its service around it, for tests that kill it: mines a block after each pass, ends when nothing is
// open. Its own clock goes five seconds a pass. `killAt` is `<failpoint>:<hit>`.
const [, , databaseUrl, rpcUrl, bookJson, keyFile, killAt = ''] = process.argv;
const [point, hits] = killAt.split(':');
let left = Number(hits);
Reflect.set(globalThis, Symbol.for('skein.failpoint'), (name: string) => {
  if (name === point && (left -= 1) === 0) process.kill(process.pid, 'SIGKILL');
});

const book = parseAddressBook(bookJson!);
const pool = new pg.Pool({ connectionString: databaseUrl!, max: 2 });
const store = new EventStore({ pool });
let passes = 0;
const run = new RunOutbox(new OutboxStore(store, book.chainId), {
  chainId: book.chainId,
  contracts: book,
  signer: keyFileSigner(keyFile!),
  chain: new RpcTransactionChain({ rpcUrl: rpcUrl!, chainId: book.chainId }),
  clock: { nowMs: () => passes * 5_000 },
});

for (;;) {
  passes += 1;
  const { state, troubles } = await run.step();
  process.stdout.write(`pass ${state.open.length} ${troubles.map(({ rule }) => rule).join()}\n`);
  if (state.open.length === 0 && state.signer !== '') break;
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'evm_mine', params: [] });
  await fetch(rpcUrl!, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
}
process.stdout.write('done\n');
await store.close();
await pool.end();
