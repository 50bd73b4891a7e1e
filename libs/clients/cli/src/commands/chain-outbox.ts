import { ChainIntentSchema, OutboxService, type Outbox } from '@skein/contracts/staking';
import { CliError, EXIT } from '../errors.js';
import { pagesOf } from '../pages.js';
import { timeText } from '../table.js';
import { LIMIT, type Command, type Context } from './command.js';

const { listIntents, getOutbox } = OutboxService.method;
const INDEXER = 'staking-indexer';
/** The service gives no more at a time. */
const PAGE_MAX = 500;
const STATUS = 'pending, parked, settled, contradicted, withdrawn';

const signerText = ({ signer, nextNonce, pending, parked }: Outbox): string =>
  `${signer === '' ? 'nobody signs yet' : `${signer} signs, nonce ${nextNonce} is next`}; ${pending} open, ${parked} of them parked`;

async function list(context: Context): Promise<void> {
  const status = context.text('status');
  const values = await pagesOf(context, INDEXER, async (service, page) => {
    const { intents, nextPageToken } = await context.api.call(service, listIntents, { status, ...page });
    return { rows: intents, next: nextPageToken };
  }, PAGE_MAX);
  if (!context.json) await sayState(context);
  context.list(ChainIntentSchema, values.map((value) => ({ service: INDEXER, value })), [
    { title: 'intent', value: ({ value }) => value.intent },
    { title: 'status', value: ({ value }) => (value.how === '' ? value.status : `${value.status} (${value.how})`) },
    { title: 'since', value: ({ value }) => timeText(value.acceptedAtMs) },
    { title: 'nonce', value: ({ value }) => (value.nonce < 0n ? '' : String(value.nonce)), right: true },
    { title: 'signed', value: ({ value }) => String(value.transactions), right: true },
    { title: 'reason', value: ({ value }) => value.reason, flexible: true },
  ], 'nothing was decided for the chain');
}

/** What all of it waits for. Without a signer there is still what was decided before. */
async function sayState(context: Context): Promise<void> {
  try {
    const outbox = await context.api.call(INDEXER, getOutbox, {});
    context.terminal.write(`${signerText(outbox)}\n`);
    if (outbox.frozenRule !== '') context.terminal.write(`frozen: ${outbox.frozenRule}: ${outbox.frozenReason}\n`);
  } catch (error) {
    if (!(error instanceof CliError) || error.rule !== 'no-signer') throw error;
    context.terminal.write('no signer is configured: nothing is sent to the chain\n');
  }
}

async function show(context: Context): Promise<void> {
  const [intent = ''] = context.words;
  const { intents: [value] } = await context.api.call(INDEXER, listIntents, { intent });
  if (value === undefined) throw new CliError(EXIT.failed, `nothing of the name ${intent} was decided; skein chain outbox shows what was`, 'not-found', 'not-found');
  const lines = [
    ['intent', value.intent], ['kind', value.kind], ['status', value.how === '' ? value.status : `${value.status} (${value.how})`], ['since', timeText(value.acceptedAtMs)],
    ...(value.nonce < 0n ? [] : [['nonce', String(value.nonce)], ['signed', `${value.transactions} times`]]),
    ...(value.txHash === '' ? [] : [['transaction', value.txHash]]),
    ...(value.block === 0n ? [] : [['block', String(value.block)]]),
    ...(value.reason === '' ? [] : [['reason', value.reason]]),
    ['content', value.content],
  ];
  context.done(INDEXER, ChainIntentSchema, value, lines.map(([name, text]) => `${String(name).padEnd(11)}  ${text}`).join('\n'));
}

/** What is on its way to the chain. */
export const chainOutbox: readonly Command[] = [
  {
    name: 'chain outbox', words: [], summary: 'what was decided for the chain, the newest first: how it stands, and what it waits for',
    options: { status: { value: 'STATUS', help: `only these: ${STATUS}` }, limit: LIMIT }, run: list,
  },
  { name: 'chain outbox show', words: ['INTENT'], summary: 'one of them with its content, transaction and reason', options: {}, run: show },
];
