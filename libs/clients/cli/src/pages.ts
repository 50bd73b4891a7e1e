import type { Context, Of } from './context.js';

/** One page of a service's list. */
export interface Page<T> {
  readonly rows: readonly T[];
  /** Empty on the last page. */
  readonly next: string;
}

/** What a page is asked with. */
export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

/** Rows of each service where `--limit` names no other number; what is more is never left out without a word. */
export const ROWS_MAX = 10_000;
const LIMIT_MAX = 1_000_000;
const PAGE_MAX = 1_000;

type AskPage<T> = (service: string, request: PageRequest) => Promise<Page<T>>;

/** The list of each service, page by page to its end or to `--limit`; where there is more, that is said: with --json as a line of JSON beside the errors. */
export const everyPage = <T>(context: Context, ask: AskPage<T>): Promise<Of<T>[]> => context.each((service) => pagesOf(context, service, ask));

/** The list of one service, in pages of `pageMax` rows. */
export async function pagesOf<T>(context: Context, service: string, ask: AskPage<T>, pageMax = PAGE_MAX): Promise<T[]> {
  const limit = context.number('limit', 1, LIMIT_MAX) || ROWS_MAX;
  const rows: T[] = [];
  let next = '';
  do {
    const page = await ask(service, { pageSize: Math.min(pageMax, limit - rows.length), pageToken: next });
    rows.push(...page.rows);
    next = page.next;
  } while (next !== '' && rows.length < limit);
  if (next !== '' || rows.length > limit) sayMore(context, service, limit);
  return rows.slice(0, limit);
}

function sayMore(context: Context, service: string, limit: number): void {
  context.terminal.warn(context.json ? `${JSON.stringify({ more: { service, shown: limit } })}\n` : `more: ${service} has more than these ${limit}; --limit N shows more\n`);
}
