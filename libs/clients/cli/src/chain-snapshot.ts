import { createHash } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { StakingService } from '@skein/contracts/staking';
import type { Context } from './context.js';
import { CliError, EXIT, usageError } from './errors.js';

const SERVICE = 'staking-indexer';
const BLOCK_MAX = Number.MAX_SAFE_INTEGER;

/** Lines of a snapshot, a page at a time. */
async function* pages(context: Context, block: number): AsyncIterable<readonly string[]> {
  let pageToken = '';
  do {
    const page = await context.api.call(SERVICE, StakingService.method.readSnapshot, { block: BigInt(block), pageToken });
    yield page.lines;
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
}

/** Writes it beside the file's place and puts it there when it is whole: whoever finds the file finds all of it. */
export async function snapshot(context: Context): Promise<void> {
  if (context.text('block') === '') throw usageError('chain snapshot needs --block N');
  const block = context.number('block', 1, BLOCK_MAX);
  const file = context.text('file') || `snapshot-${block}.jsonl`;
  const part = `${file}.part`;
  const hash = createHash('sha256');
  let lines = 0;
  try {
    const handle = await open(part, 'w').catch((error: Error) => {
      throw new CliError(EXIT.failed, `cannot write ${part}: ${error.message}`, 'file', 'file');
    });
    try {
      for await (const page of pages(context, block)) {
        const text = page.map((line) => `${line}\n`).join('');
        hash.update(text);
        lines += page.length;
        await handle.write(text);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  const sha256 = hash.digest('hex');
  if (context.json) context.writeJson({ block, file, lines, sha256 });
  else context.terminal.write(`${sha256}  ${file}\n${lines} lines, block ${block}\n`);
}
