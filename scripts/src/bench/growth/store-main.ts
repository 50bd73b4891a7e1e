import { appendsPerSecond, commandsPerSecond, commandStreams, COMMAND_STREAM_EVENTS } from '../event-store/cases.js';
import { skeinContender } from '../event-store/skein.js';
import { memoryOf } from './memory.js';
import type { Slice, StoreOrder } from './store-process.js';

/** One store of the growth bench: carries out one order after the other. */
const [ownerUrl = '', appUrl = ''] = process.argv.slice(2);
const IN_FLIGHT = 8;
const contender = await skeinContender(ownerUrl, appUrl, 4);
const streams = await commandStreams(contender, 'commands');
let decidedOn = COMMAND_STREAM_EVENTS;

async function slice({ label, appends, commands }: { readonly label: string; readonly appends: number; readonly commands: number }): Promise<Slice> {
  const appendMs = 1_000 / (await appendsPerSecond(contender, label, IN_FLIGHT, appends, 1));
  const commandMs = 1_000 / (await commandsPerSecond(contender, streams, commands, decidedOn));
  decidedOn += Math.ceil(commands / streams.length);
  return { appendMs, commandMs };
}

process.on('message', (order: StoreOrder) => {
  const done = 'memory' in order ? memoryOf(contender.store.pool) : slice(order.slice);
  done.then((answer) => process.send?.(answer), (error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  });
});
process.once('disconnect', () => void contender.close().finally(() => process.exit()));
process.send?.('ready');
