import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from '../src/run.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'skein snapshot-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const PAGES: Record<string, { lines: string[]; nextPageToken?: string }> = {
  '': { lines: ['{"block":"7"}', '{"table":"lock"}'], nextPageToken: 'more' },
  more: { lines: ['{"table":"stake","units":"5"}'] },
};
const TEXT = '{"block":"7"}\n{"table":"lock"}\n{"table":"stake","units":"5"}\n';
const pages = (async (url: URL) => {
  const page = PAGES[url.searchParams.get('pageToken') ?? url.searchParams.get('page_token') ?? ''];
  return new Response(JSON.stringify(url.pathname === '/staking/v1/snapshot' && url.searchParams.get('block') === '7' ? page : {}), { status: 200 });
}) as unknown as typeof fetch;

async function skein(words: readonly string[], fetching: typeof fetch): Promise<{ exit: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const terminal = { write: (text: string) => void (out += text), warn: (text: string) => void (err += text), columns: undefined, wait: async () => undefined, nowMs: () => 0, uuid: () => 'id' };
  const exit = await run(['chain', 'snapshot', ...words], terminal, { environment: { SKEIN_TOKEN: 'op_secret' }, read: () => undefined }, fetching);
  return { exit, out, err };
}

test('the pages are one file, and its hash is the file’s', async () => {
  const file = join(folder, 'state.jsonl');
  const sha256 = createHash('sha256').update(TEXT).digest('hex');
  expect(await skein(['--block', '7', '--file', file], pages)).toEqual({ exit: 0, out: `${sha256}  ${file}\n3 lines, block 7\n`, err: '' });
  expect(readFileSync(file, 'utf8')).toBe(TEXT);
  const { out } = await skein(['--block', '7', '--file', file, '--json'], pages);
  expect(JSON.parse(out)).toEqual({ block: 7, file, lines: 3, sha256 });
});

test('a snapshot that breaks off leaves no file', async () => {
  const breaking = (async (url: URL) => {
    if (url.search.includes('more')) return new Response(JSON.stringify({ code: 'unavailable', rule: 'not-caught-up', detail: 'it has not caught up' }), { status: 503 });
    return pages(url);
  }) as unknown as typeof fetch;
  expect(await skein(['--block', '7', '--file', join(folder, 'x')], breaking)).toMatchObject({ exit: 3, err: expect.stringContaining('not available') });
  expect(readdirSync(folder)).toEqual([]);
});

test('what cannot be is told', async () => {
  expect(await skein([], pages)).toMatchObject({ exit: 2, err: expect.stringContaining('--block') });
  expect(await skein(['--block', '0'], pages)).toMatchObject({ exit: 2 });
  expect(await skein(['--block', '7', '--file', join(folder, 'no', 'such')], pages)).toMatchObject({ exit: 1, err: expect.stringContaining('cannot write') });
});
