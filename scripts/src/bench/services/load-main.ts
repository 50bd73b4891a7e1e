import { randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import autocannon from 'autocannon';
import { median, percentile } from '../stats.js';
import { HttpLine, type HttpAnswer } from './http-line.js';
import type { LoadOrder, LoadOutcome } from './load.js';
import { openLoop, type Timed } from './open-loop.js';

const PATIENCE_MS = 10_000;

/** Answers with the milliseconds that each took, and what had none. */
interface Raw {
  readonly answers: readonly { readonly status: number; readonly ms: number }[];
  /** Times that refusals asked for. */
  readonly retryAfterMs: readonly number[];
  readonly errors: number;
  readonly seconds: number;
  readonly lateMs: readonly number[];
}

/** The time that a refusal asks for, where both its header and its body name one. */
function askedMs({ status, head, body }: HttpAnswer): number | undefined {
  if (status !== 429 || !head.includes('\r\nretry-after:')) return undefined;
  return (JSON.parse(body) as { retryAfterMs?: number }).retryAfterMs;
}

/** At the order's rate. */
async function atRate({ url, targets, connections, seconds }: LoadOrder, rate: number): Promise<Raw> {
  const { host } = new URL(url);
  const heads = targets.map(({ path, authorization, body }) =>
    [`POST ${path} HTTP/1.1\r\nhost: ${host}\r\nauthorization: ${authorization}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nidempotency-key: `, `\r\n\r\n${body}`] as const);
  let at = 0;
  const next = (): string => {
    const [head, rest] = heads[at++ % heads.length]!;
    return head + randomUUID() + rest;
  };
  const { timed, lost, seconds: taken, lateMs } = await openLoop({ open: () => new HttpLine(url), next, rate, seconds, linesMax: connections, patienceMs: PATIENCE_MS });
  return { answers: timed.map(({ answer: { status }, ms }: Timed) => ({ status, ms })), retryAfterMs: timed.map(({ answer }) => askedMs(answer)).filter((ms) => ms !== undefined), errors: lost, seconds: taken, lateMs };
}

/** As fast as answers come: a generator that others know, and that asks nothing of the rate. */
async function asFastAsItGoes({ url, targets, connections, seconds }: LoadOrder): Promise<Raw> {
  let next = 0;
  const load = autocannon({
    url, connections, duration: seconds, timeout: 30,
    requests: [{
      method: 'POST',
      setupRequest: (request) => {
        const { path, authorization, body } = targets[next++ % targets.length]!;
        return { ...request, path, body, headers: { authorization, 'content-type': 'application/json', 'idempotency-key': randomUUID() } };
      },
    }],
  });
  const answers: { status: number; ms: number }[] = [];
  load.on('response', (_client: unknown, status: number, _bytes: number, ms: number) => answers.push({ status, ms }));
  const { errors, timeouts, duration } = await load;
  return { answers, retryAfterMs: [], errors: errors + timeouts, seconds: duration, lateMs: [] };
}

/** The load generator, in a process of its own: an order on stdin, the outcome on stdout. */
async function generate(order: LoadOrder): Promise<LoadOutcome> {
  const { answers, retryAfterMs, errors, seconds, lateMs } = await (order.rate === undefined ? asFastAsItGoes(order) : atRate(order, order.rate));
  const of = (wanted: (status: number) => boolean): number[] => answers.filter(({ status }) => wanted(status)).map(({ ms }) => ms);
  const share = (values: readonly number[], at: number): number => (values.length === 0 ? 0 : Math.round(percentile(values, at) * 100) / 100);
  const ok = of((status) => status >= 200 && status < 300);
  return {
    seconds,
    answered: answers.length,
    byStatus: Object.fromEntries([...Map.groupBy(answers, ({ status }) => status)].map(([status, all]) => [String(status), all.length])),
    okPerSecond: ok.length / seconds,
    okP50Ms: share(ok, 0.5),
    okP99Ms: share(ok, 0.99),
    refusedWithTime: retryAfterMs.length,
    retryAfterMsMedian: retryAfterMs.length === 0 ? 0 : median(retryAfterMs),
    refusedP99Ms: share(of((status) => status === 429), 0.99),
    errors,
    lateP99Ms: share(lateMs, 0.99),
  };
}

process.stdout.write(JSON.stringify(await generate(JSON.parse(await text(process.stdin)) as LoadOrder)));
