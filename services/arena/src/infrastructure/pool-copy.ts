import { Inject, Injectable } from '@nestjs/common';
import { type InboxEntry, inboxOnce } from '@skein/events';
import { POOL, hearOfBlock, type HeardBlock } from '@skein/platform';
import type pg from 'pg';
import type { WaitingShares } from '../domain/reward/delegation.policy.js';
import { type HeardSlash, hearOfSlash } from './slash-rows.js';

/** A delegation pool as its newest message tells it. */
export interface CopiedPool {
  readonly pool: string;
  readonly owner: string;
  readonly version: bigint;
  readonly countedShares: bigint;
  readonly principalIndex: bigint;
  readonly closed: boolean;
  readonly waiting: readonly WaitingShares[];
  /** The slash that led to it; absent where something else did. */
  readonly slash?: HeardSlash;
}

/** What an owner keeps of the reward on delegated stake, in parts per million. */
export interface CopiedSigma {
  readonly owner: string;
  readonly version: bigint;
  readonly sigmaPpm: number;
}

const TAKE_POOL = `INSERT INTO arena_pool AS p (pool, owner, version, counted_shares, principal_index, closed, waiting) VALUES ($1, $2, $3, $4, $5, $6, $7)
  ON CONFLICT (pool) DO UPDATE SET version = excluded.version, counted_shares = excluded.counted_shares, principal_index = excluded.principal_index,
    closed = excluded.closed, waiting = excluded.waiting
  WHERE p.version < excluded.version`;
const TAKE_SIGMA = `INSERT INTO arena_sigma AS s (owner, version, sigma_ppm) VALUES ($1, $2, $3)
  ON CONFLICT (owner) DO UPDATE SET version = excluded.version, sigma_ppm = excluded.sigma_ppm WHERE s.version < excluded.version`;

const waitingJson = (waiting: readonly WaitingShares[]): string =>
  JSON.stringify(waiting.map(({ epoch, sharesIn, sharesOut }) => ({ epoch, sharesIn: sharesIn.toString(), sharesOut: sharesOut.toString() })));

/** Waiting shares as the table keeps them. */
export const waitingOf = (stored: readonly { epoch: number; sharesIn: string; sharesOut: string }[]): WaitingShares[] =>
  stored.map(({ epoch, sharesIn, sharesOut }) => ({ epoch, sharesIn: BigInt(sharesIn), sharesOut: BigInt(sharesOut) }));

/** This service's copy of delegation pools and their owners' σ. An older message changes nothing. */
@Injectable()
export class PoolCopy {
  constructor(@Inject(POOL) private readonly pool: pg.Pool) {}

  async takePool(inbox: InboxEntry, heard: HeardBlock | undefined, { pool, owner, version, countedShares, principalIndex, closed, waiting, slash }: CopiedPool): Promise<void> {
    const values = [pool, owner, version.toString(), countedShares.toString(), principalIndex.toString(), closed, waitingJson(waiting)];
    await inboxOnce(this.pool, inbox, async (tx) => {
      await tx.query(TAKE_POOL, values);
      await hearOfSlash(tx, slash);
      await hearOfBlock(tx, heard);
    });
  }

  async takeSigma(inbox: InboxEntry, heard: HeardBlock | undefined, { owner, version, sigmaPpm }: CopiedSigma): Promise<void> {
    await inboxOnce(this.pool, inbox, async (tx) => {
      await tx.query(TAKE_SIGMA, [owner, version.toString(), sigmaPpm]);
      await hearOfBlock(tx, heard);
    });
  }
}
