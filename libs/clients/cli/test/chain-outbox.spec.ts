import { expect, test } from 'vitest';
import { run } from '../src/run.js';

const AT = '1763899200000';
const HASH = `0x${'c'.repeat(64)}`;
const HELD = {
  intent: 'decisions/skein.arena.epoch.rewarded.v1/m-1', kind: 'hold-decision', status: 'parked', content: '{"decision":"m-1"}', acceptedAtMs: AT, nonce: '-1', reason: 'units: an amount is no number of base units',
};
const MINED = { intent: 'epochs/7/rewards', kind: 'post-root', status: 'settled', content: '{"epoch":"7n"}', acceptedAtMs: AT, nonce: '3', txHash: HASH, transactions: 2, how: 'mined', block: '41' };
const STATE = { signer: `0x${'5'.repeat(40)}`, nextNonce: '4', pending: 1, parked: 1, frozenRule: 'differs-on-chain', frozenReason: 'cases/1/end: the slash took 4 on chain, 5 was decided' };

/** The indexer: without a signer where `signs` is false. */
function indexer(signs = true) {
  const asked: string[] = [];
  const fetching = (async (url: URL) => {
    asked.push(`${url.pathname}${url.search}`);
    if (url.pathname === '/staking/v1/outbox') {
      return signs ? new Response(JSON.stringify(STATE)) : new Response(JSON.stringify({ code: 'unavailable', rule: 'no-signer', detail: 'no signer is configured' }), { status: 503 });
    }
    const { searchParams: query } = url;
    const all = [HELD, MINED].filter(({ intent, status }) => (query.get('intent') ?? intent) === intent && (query.get('status') ?? status) === status);
    return new Response(JSON.stringify({ intents: all }));
  }) as unknown as typeof fetch;
  return { asked, fetching };
}

async function skein(line: string, fetching: typeof fetch): Promise<{ exit: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const terminal = { write: (text: string) => void (out += text), warn: (text: string) => void (err += text), columns: undefined, wait: async () => undefined, nowMs: () => 0, uuid: () => 'id' };
  const exit = await run(['chain', 'outbox', ...line.split(' ').filter(Boolean)], terminal, { environment: { SKEIN_TOKEN: 'op_secret' }, read: () => undefined }, fetching);
  return { exit, out, err };
}

test.each(['', 'list'])('what was decided for the chain, and what keeps it: chain outbox %s', async (line) => {
  const { asked, fetching } = indexer();
  expect(await skein(line, fetching)).toEqual({
    exit: 0, err: '',
    out: `${STATE.signer} signs, nonce 4 is next; 1 open, 1 of them parked
frozen: differs-on-chain: cases/1/end: the slash took 4 on chain, 5 was decided
INTENT                                       STATUS           SINCE                NONCE  SIGNED  REASON
decisions/skein.arena.epoch.rewarded.v1/m-1  parked           2025-11-23 12:00:00              0  units: an amount is no number of base units
epochs/7/rewards                             settled (mined)  2025-11-23 12:00:00      3       2
`,
  });
  expect(asked).toEqual(['/staking/v1/intents?pageSize=500', '/staking/v1/outbox']);
});

test('only what is parked, for scripts', async () => {
  const { out } = await skein('--status parked --json', indexer().fetching);
  expect(JSON.parse(out)).toMatchObject([{ service: 'staking-indexer', intent: HELD.intent, reason: HELD.reason }]);
});

test('one of them with all that is known of it; one that is not there is named', async () => {
  const { fetching } = indexer();
  expect(await skein('show epochs/7/rewards', fetching)).toEqual({
    exit: 0, err: '',
    out: `intent       epochs/7/rewards
kind         post-root
status       settled (mined)
since        2025-11-23 12:00:00
nonce        3
signed       2 times
transaction  ${HASH}
block        41
content      {"epoch":"7n"}
`,
  });
  expect((await skein(`show ${HELD.intent}`, fetching)).out).toContain('reason       units: an amount');
  expect(await skein('show epochs/8/rewards', fetching)).toMatchObject({ exit: 1, err: expect.stringContaining('nothing of the name epochs/8/rewards was decided') });
  expect(await skein('show', fetching)).toMatchObject({ exit: 2, err: expect.stringContaining('needs INTENT') });
});

test('without a signer there is still what was decided before', async () => {
  expect(await skein('', indexer(false).fetching)).toMatchObject({ exit: 0, out: expect.stringMatching(/^no signer is configured: nothing is sent to the chain\nINTENT/) });
});
