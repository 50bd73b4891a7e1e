import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { utf8 } from '@skein/kernel';
import type { EventLog, ReceivedMessage } from '@skein/messaging';
import { CONFIG, type ServiceName, type Settings } from '@skein/platform';
import { eventually } from '@skein/testing';
import pg from 'pg';
import { expect } from 'vitest';
import { SERVICE_NAMES } from '../../src/ports.js';
import type { TestSkein } from './skein.js';

/** Something that was written or said, and where. */
export interface Emitted {
  readonly where: string;
  readonly text: string;
}

/** Every row of every table that a database's role may read. */
export async function dump(url: string, where: string): Promise<Emitted[]> {
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  try {
    const { rows } = await pool.query<{ schema: string; name: string }>(
      `SELECT nspname AS schema, relname AS name FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
       WHERE relkind IN ('r', 'p') AND nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema' AND has_table_privilege(pg_class.oid, 'SELECT')`,
    );
    const tables: Emitted[] = [];
    for (const { schema, name } of rows) {
      const found = await pool.query<{ row: string }>(`SELECT t::text AS row FROM "${schema}"."${name}" t`);
      tables.push({ where: `${where}: ${schema}.${name}`, text: found.rows.map(({ row }) => row).join('\n') });
    }
    return tables;
  } finally {
    await pool.end();
  }
}

const settingsOf = ({ skein }: TestSkein, name: ServiceName): Settings => skein.service(name).get<Settings>(CONFIG);

/** Every row of every table of the six services and of the event log, by both roles of the database. */
export async function databaseDumps(test: TestSkein): Promise<Emitted[]> {
  const urls = SERVICE_NAMES.flatMap((name) => [settingsOf(test, name).databaseUrl, settingsOf(test, name).migrationDatabaseUrl].map((url): [string, string] => [url, name]));
  urls.push([settingsOf(test, 'arena').eventLogUrl as string, 'event log']);
  return (await Promise.all(urls.map(([url, where]) => dump(url, where)))).flat();
}

/** Every message of every topic, with its headers. */
export async function messagesOf(log: EventLog, topics: readonly string[], group: string): Promise<Emitted[]> {
  const texts = new Map(topics.map((topic): [string, string[]] => [topic, []]));
  const keep = ({ topic, key, id, type, headers, value }: ReceivedMessage): void => void texts.get(topic)?.push(JSON.stringify([key, id, type, headers]), Buffer.from(value).toString('latin1'));
  const consumer = await log.consume({
    group,
    topics,
    onBatch: async (batch) => {
      for (const message of batch.messages) {
        keep(message);
        batch.resolve(message);
      }
    },
  });
  await eventually(async () => {
    expect([...texts.values()].some((found) => found.length > 0)).toBe(true);
    expect((await log.lag(group)).filter(({ lag }) => lag > 0n)).toEqual([]);
  }, { timeoutMs: 60_000, everyMs: 250 });
  await consumer.stop();
  return [...texts].map(([topic, found]) => ({ where: `topic ${topic}`, text: found.join('\n') }));
}

/** Every file of the data folder, except what is meant to hold the bytes: artifacts, and the databases' own files. */
export function filesOf(folder: string, without: readonly string[] = ['artifacts', 'postgres'], below = ''): Emitted[] {
  return readdirSync(join(folder, below)).flatMap((name) => {
    const path = join(below, name);
    if (without.includes(path)) return [];
    return statSync(join(folder, path)).isDirectory() ? filesOf(folder, without, path) : [{ where: path, text: readFileSync(join(folder, path), 'latin1') }];
  });
}

/** The rows with one more, in which the pair stands side by side. */
export const withPair = (rows: Uint8Array, [a, b]: readonly [number, number]): Uint8Array => utf8(`${new TextDecoder().decode(rows)}${a},${b},1\n`);

/** The forms in which a pair of neighbouring numbers could be written: texts, and single and double precision in hexadecimal. */
export function pairForms(a: number, b: number): string[] {
  const hex = (array: Float32Array | Float64Array): string => Buffer.from(array.buffer).toString('hex');
  const raw = Buffer.from(Float32Array.of(a, b).buffer);
  return [String(a), String(b), hex(Float32Array.of(a, b)), hex(Float64Array.of(a, b)), raw.toString('latin1'), raw.toString('base64').slice(0, 10)];
}

/** The forms of a text: itself, hexadecimal, base64 at each of the three offsets. */
export function textForms(text: string): string[] {
  const bytes = Buffer.from(text);
  const base64 = [0, 1, 2].map((offset) => bytes.subarray(offset, offset + 3 * Math.floor((bytes.length - offset) / 3)).toString('base64'));
  return [text, bytes.toString('hex'), ...base64];
}

/** Where any of the forms stands. */
export const findings = (emitted: readonly Emitted[], forms: readonly string[]): string[] => emitted.filter(({ text }) => forms.some((form) => text.includes(form))).map(({ where }) => where);
