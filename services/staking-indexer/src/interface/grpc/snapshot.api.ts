import type { MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import type { AddressBook } from '@skein/contracts-evm';
import { StakingService, type ReadSnapshotRequest, type ReadSnapshotResponseSchema } from '@skein/contracts/staking';
import { canonicalJson } from '@skein/kernel';
import { Rpc } from '@skein/platform';
import { ADDRESS_BOOK } from '../../application/tokens.js';
import { LEDGER_TABLES } from '../../projections/ledger/tables.js';
import { snapshotPage, type SnapshotPlace } from '../../projections/snapshot.queries.js';
import { partsOf, tokenOf } from './page-token.js';
import { ReadView } from './read-view.js';

const LINES = 1_000;

function placeOf(token: string): SnapshotPlace {
  if (token === '') return { table: 0 };
  const text = Buffer.from(token, 'base64url').toString();
  const [table, ...after] = partsOf(token, text.split('","').length)!;
  const spec = LEDGER_TABLES[Number(table)];
  if (spec === undefined || after.length !== Object.keys(spec.key).length) partsOf('-', 1);
  return { table: Number(table), after };
}

/** The whole state at a block, for whoever wants to compare it with another operator's. */
@Injectable()
export class SnapshotApi {
  constructor(
    @Inject(ReadView) private readonly view: ReadView,
    @Inject(ADDRESS_BOOK) private readonly book: AddressBook,
  ) {}

  @Rpc(StakingService.method.readSnapshot)
  async readSnapshot(request: ReadSnapshotRequest): Promise<MessageInitShape<typeof ReadSnapshotResponseSchema>> {
    await this.view.seen(0n);
    await this.view.asOf({ asOfBlock: request.block });
    const { ledger } = this.view.queries;
    const { lines, next } = await snapshotPage(ledger, Number(request.block), placeOf(request.pageToken), LINES);
    const { chainId, ...contracts } = this.book;
    const head = canonicalJson({ snapshot: 'skein.staking.v1', chain: `eip155:${chainId}`, block: request.block.toString(), contracts: { ...contracts, fromBlock: contracts.fromBlock.toString() } });
    const all = request.pageToken === '' ? [head, ...lines] : lines;
    return { lines: [...all], nextPageToken: next === undefined ? '' : tokenOf([next.table, ...(next.after ?? [])]) };
  }
}
