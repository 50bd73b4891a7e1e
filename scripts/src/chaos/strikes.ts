import { setTimeout as wait } from 'node:timers/promises';
import type { ClusterProcess } from '@skein/cluster';
import { kafkaAvailable } from '@skein/embedded';
import type { DeterministicRandom } from '@skein/kernel';
import type { Disturbance } from './attempt.js';
import type { Prepared } from './fault.js';
import type { Play } from './play.js';
import type { Run } from './stage.js';

export const SERVICES = ['arena', 'validation', 'staking-indexer', 'marketplace', 'billing', 'fl-aggregator'] as const;

/** Why there is no broker here; undefined where there is one. */
export const kafkaOnly = async (): Promise<string | undefined> => {
  const available = await kafkaAvailable();
  return available.ok ? undefined : available.why;
};

/** Instead of the embedded log. */
export const ON_KAFKA: NonNullable<Disturbance['cluster']> = { eventLog: 'kafka' };

/** What a process has to end after SIGTERM. */
export const ENDS_WITHIN_MS = 10_000;

/**
 * SIGTERM; throws where the process does not end by itself in time, or says that it could not end as it should. One that is still
 * starting has promised nobody anything and may end by the signal itself.
 */
export async function askToEnd(one: Pick<ClusterProcess, 'name' | 'kill' | 'ended'>, starting = false): Promise<void> {
  const startedMs = performance.now();
  one.kill('SIGTERM');
  const { code, signal } = await one.ended;
  const tookMs = performance.now() - startedMs;
  if (code !== 0 && !(starting && signal === 'SIGTERM')) throw new Error(`${one.name} ended by SIGTERM with ${signal ?? `code ${code}`}`);
  if (tookMs > ENDS_WITHIN_MS) throw new Error(`${one.name} took ${(tookMs / 1000).toFixed(1)} s to end by SIGTERM`);
}

/** Something done once, some milliseconds after a moment drawn from the seed. */
export function once({ moments }: Play, random: DeterministicRandom, what: string, strike: (run: Run) => Promise<void>, cluster: Disturbance['cluster'] = {}): Prepared {
  const moment = moments[random.intBelow(moments.length)] as string;
  const delayMs = random.intBelow(400);
  let struck = 0;
  const during = async (run: Run, name: string): Promise<void> => {
    if (name !== moment) return;
    await wait(delayMs);
    struck += 1;
    await strike(run);
  };
  return { story: `${what} ${delayMs} ms into "${moment}"`, struck: () => struck, disturbance: { during, cluster } };
}

/** Several in one run: it has struck when each of them has. An edge that several want belongs to the first. */
export function combined(parts: readonly Prepared[]): Prepared {
  const all = parts.map(({ disturbance }) => disturbance);
  const via: NonNullable<NonNullable<Disturbance['cluster']>['via']> = async (edge) => {
    for (const { cluster } of all) {
      const port = await cluster?.via?.(edge);
      if (port !== undefined) return port;
    }
    return undefined;
  };
  return {
    story: parts.map(({ story }) => story).join('; '),
    struck: (hits) => Math.min(...parts.map((part) => part.struck(hits))),
    disturbance: {
      cluster: { ...(Object.assign({}, ...all.map(({ cluster }) => cluster)) as Disturbance['cluster']), via },
      arming: (id) => Object.assign({}, ...all.map((one) => one.arming?.(id))) as ReturnType<NonNullable<Disturbance['arming']>>,
      during: async (run, moment) => void (await Promise.all(all.map((one) => one.during?.(run, moment)))),
      after: async (run) => void (await Promise.all(all.map((one) => one.after?.(run)))),
      end: async () => void (await Promise.all(all.map((one) => one.end?.()))),
    },
  };
}
