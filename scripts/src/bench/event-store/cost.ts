import { readFileSync } from 'node:fs';
import type { EmbeddedPostgres } from '@skein/embedded';
import { spreadOf, type Spread } from '../stats.js';
import { appendsPerSecond } from './cases.js';
import { movements, type Contender } from './contender.js';
import { asAdmin } from './server.js';

/** Processor time of one append, microseconds. The least of the rounds is the figure: others only ever add to it. */
export interface Cost {
  readonly clientUs: Spread;
  readonly serverUs: Spread;
}

/** Nanoseconds on a processor so far, from the text of /proc/<pid>/schedstat. */
export const onCpuNs = (schedstat: string): bigint => BigInt(schedstat.split(' ', 1)[0] ?? '0');

/** Nanoseconds that the database's client backends have been on a processor: the sequencer's connection is one of them. */
async function backendsNs(adminUrl: string, database: string): Promise<Map<number, bigint>> {
  const rows = await asAdmin<{ pid: number }>(adminUrl, `SELECT pid FROM pg_stat_activity WHERE datname = '${database}' AND backend_type = 'client backend'`);
  return new Map(rows.flatMap(({ pid }): [number, bigint][] => {
    try {
      return [[pid, onCpuNs(readFileSync(`/proc/${pid}/schedstat`, 'utf8'))]];
    } catch {
      return [];
    }
  }));
}

/** What backends used between two looks; one that has begun since counts from nothing. */
export const usedNs = (before: ReadonlyMap<number, bigint>, after: ReadonlyMap<number, bigint>): bigint =>
  [...after].reduce((sum, [pid, ns]) => sum + ns - (before.get(pid) ?? 0n), 0n);

interface Sample {
  readonly clientUs: number;
  readonly serverUs: number;
}

/** One contender with one append in flight; `size` events in each. */
async function sample(server: EmbeddedPostgres, database: string, contender: Contender, label: string, appends: number, size: number): Promise<Sample> {
  // Its connections, prepared statements and pages are there.
  await contender.append(`account-${label}-warm`, 0, movements(`account-${label}-warm`, 0, size));
  const before = await backendsNs(server.adminUrl, database);
  const client = process.cpuUsage();
  await appendsPerSecond(contender, label, 1, appends, size);
  const { user, system } = process.cpuUsage(client);
  const after = await backendsNs(server.adminUrl, database);
  return { clientUs: (user + system) / appends, serverUs: Number(usedNs(before, after)) / 1_000 / appends };
}

/** A contender and the database that its backends belong to. */
export interface Priced {
  readonly contender: Contender;
  readonly database: string;
}

/** Processor time of an append by each, in turns. Their order changes from round to round. */
export async function costs(server: EmbeddedPostgres, all: readonly Priced[], options: { readonly rounds: number; readonly appends: number; readonly size: number }, say: (text: string) => void): Promise<Record<string, Cost>> {
  const { rounds, appends, size } = options;
  const samples = new Map<string, Sample[]>(all.map(({ contender }) => [contender.name, []]));
  // The first round is for the compiler.
  for (let round = 0; round <= rounds; round += 1)
    for (let at = 0; at < all.length; at += 1) {
      const { contender, database } = all[(at + round) % all.length]!;
      const one = await sample(server, database, contender, `${contender.name}-${size}-${round}`, appends, size);
      if (round > 0) samples.get(contender.name)?.push(one);
    }
  const figures = [...samples].map(([name, each]): [string, Cost] => [name, { clientUs: spreadOf(each.map(({ clientUs }) => clientUs)), serverUs: spreadOf(each.map(({ serverUs }) => serverUs)) }]);
  for (const [name, { clientUs, serverUs }] of figures) say(`an append of ${size}: ${name} client ${clientUs.min} us, server ${serverUs.min} us (least of ${rounds})`);
  return Object.fromEntries(figures);
}
