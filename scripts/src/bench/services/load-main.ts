import { randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import autocannon from 'autocannon';
import { median, percentile } from '../stats.js';
import type { LoadOrder, LoadOutcome } from './load.js';

/** The load generator, in a process of its own: an order on stdin, the outcome on stdout. */
async function generate({ url, targets, connections, seconds, rate }: LoadOrder): Promise<LoadOutcome> {
  const latencies = new Map<number, number[]>();
  const retryAfterMs: number[] = [];
  let next = 0;
  let refusedWithTime = 0;
  const load = autocannon({
    url, connections, duration: seconds, timeout: 30,
    // Its own correction assumes one millisecond between requests; the caller checks the rate that was reached instead.
    ...(rate === undefined ? {} : { overallRate: rate, ignoreCoordinatedOmission: true }),
    requests: [
      {
        method: 'POST',
        setupRequest: (request) => {
          const { path, authorization, body } = targets[next++ % targets.length]!;
          return { ...request, path, body, headers: { authorization, 'content-type': 'application/json', 'idempotency-key': randomUUID() } };
        },
        onResponse: (status, body, _context, headers) => {
          if (status !== 429) return;
          const asked = (JSON.parse(body) as { retryAfterMs?: number }).retryAfterMs;
          const named = Object.keys(headers).some((name) => name.toLowerCase() === 'retry-after');
          if (asked === undefined || !named) return;
          refusedWithTime += 1;
          retryAfterMs.push(asked);
        },
      },
    ],
  });
  load.on('response', (_client: unknown, status: number, _bytes: number, ms: number) => {
    const known = latencies.get(status);
    if (known === undefined) latencies.set(status, [ms]);
    else known.push(ms);
  });
  const { errors, timeouts, duration } = await load;
  const of = (wanted: (status: number) => boolean): number[] => [...latencies].filter(([status]) => wanted(status)).flatMap(([, values]) => values);
  const share = (values: readonly number[], at: number): number => (values.length === 0 ? 0 : Math.round(percentile(values, at) * 100) / 100);
  const ok = of((status) => status >= 200 && status < 300);
  return {
    seconds: duration,
    answered: of(() => true).length,
    byStatus: Object.fromEntries([...latencies].map(([status, values]) => [String(status), values.length])),
    okPerSecond: ok.length / duration,
    okP50Ms: share(ok, 0.5),
    okP99Ms: share(ok, 0.99),
    refusedWithTime,
    retryAfterMsMedian: retryAfterMs.length === 0 ? 0 : median(retryAfterMs),
    refusedP99Ms: share(of((status) => status === 429), 0.99),
    errors: errors + timeouts,
  };
}

process.stdout.write(JSON.stringify(await generate(JSON.parse(await text(process.stdin)) as LoadOrder)));
