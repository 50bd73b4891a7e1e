import { create } from '@bufbuild/protobuf';
import type { Meter, ObservableResult } from '@opentelemetry/api';
import { type StakeCopy, StakeCopySchema } from '@skein/contracts/common';
import { FinalityReachedSchema } from '@skein/contracts/staking';
import type { Tx } from '@skein/events';
import { onMessage, type MessageHandler } from '@skein/messaging';
import type pg from 'pg';
import type { Worker } from '../service-definition.js';

/** A final block, by height and hash (`0x` and 64 hex digits). */
export interface StakeBlock {
  readonly number: number;
  readonly hash: string;
}

/** How far a service's own copy of finalised stakes reaches, and how old it is. Times in epoch milliseconds. */
export interface StakeFrontier {
  /** The newest final block that the copy has heard of. */
  readonly block: StakeBlock;
  /** Time of that block, or of the newest before it whose time is known; undefined while none is. */
  readonly blockTimeMs: number | undefined;
  readonly heardAtMs: number;
  /** Database's time less `blockTimeMs`. */
  readonly ageMs: number | undefined;
}

interface Row {
  block_number: string;
  block_hash: string;
  block_time_ms: string | null;
  heard_at_ms: string;
  now_ms: string;
}

/** A block that stands before another tells nothing: neither its number nor its time goes back. Last in its transaction, so that nobody waits for it with a lock of its own. */
const HEAR = `INSERT INTO stake_frontier AS f (chain, block_number, block_hash) VALUES ($1, $2, $3)
  ON CONFLICT (chain) DO UPDATE SET block_number = excluded.block_number, block_hash = excluded.block_hash, heard_at_ms = es_now_ms()
  WHERE f.block_number < excluded.block_number`;
const TIME = `UPDATE stake_frontier SET block_time_ms = $3, epoch_genesis_ms = coalesce($4, epoch_genesis_ms), epoch_ms = coalesce($5, epoch_ms)
  WHERE chain = $1 AND block_number >= $2 AND coalesce(block_time_ms, 0) < $3`;

/** What a message of the staking indexer tells of a final block; units as in `FinalityReached`. */
export interface HeardBlock {
  /** eip155:{chain id} */
  readonly chain: string;
  readonly block: { readonly number: bigint; readonly hash: string };
  readonly blockTimeMs?: bigint;
  readonly epochGenesisMs?: bigint;
  readonly epochMs?: bigint;
}

const orNull = (value: bigint | undefined): string | null => (value === undefined || value === 0n ? null : value.toString());

/** Moves the frontier, in the transaction that takes over what is final there. A message that names no block moves nothing. */
export async function hearOfBlock(tx: Pick<Tx, 'query'>, heard: HeardBlock | undefined): Promise<void> {
  if (heard === undefined) return;
  const { chain, block, blockTimeMs, epochGenesisMs, epochMs } = heard;
  await tx.query(HEAR, [chain, block.number.toString(), block.hash]);
  if (blockTimeMs !== undefined && blockTimeMs > 0n)
    await tx.query(TIME, [chain, block.number.toString(), blockTimeMs.toString(), orNull(epochGenesisMs), orNull(epochMs)]);
}

/** The chain of a CAIP-10 account. */
export const chainOf = (wallet: string): string => wallet.slice(0, wallet.lastIndexOf(':'));

/** This service's table `stake_frontier`: up to which final block its copy of stakes reaches. */
export class StakeCopyFrontier {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  /** Undefined while no block has been heard of. */
  async read(): Promise<StakeFrontier | undefined> {
    const { rows } = await this.#pool.query<Row>({
      name: 'stake-frontier', text: 'SELECT block_number, block_hash, block_time_ms, heard_at_ms, es_now_ms() AS now_ms FROM stake_frontier ORDER BY chain LIMIT 1',
    });
    const [row] = rows;
    if (row === undefined) return undefined;
    const blockTimeMs = row.block_time_ms === null ? undefined : Number(row.block_time_ms);
    const ageMs = blockTimeMs === undefined ? undefined : Math.max(0, Number(row.now_ms) - blockTimeMs);
    return { block: { number: Number(row.block_number), hash: row.block_hash }, blockTimeMs, heardAtMs: Number(row.heard_at_ms), ageMs };
  }

  /** The same as the field `stake_copy` of an API's answer. */
  async field(): Promise<{ stakeCopy?: StakeCopy }> {
    const frontier = await this.read();
    if (frontier === undefined) return {};
    const { block, blockTimeMs = 0, heardAtMs, ageMs = 0 } = frontier;
    const times = { blockTimeMs: BigInt(blockTimeMs), heardAtMs: BigInt(heardAtMs), ageSeconds: BigInt(Math.floor(ageMs / 1_000)) };
    return { stakeCopy: create(StakeCopySchema, { block: { number: BigInt(block.number), hash: block.hash }, ...times }) };
  }

  /** Moves it by the indexer's own word. Needs no inbox: a message that comes again, or late, changes nothing. */
  readonly handler: MessageHandler = onMessage({
    topic: 'staking.position.v1',
    type: 'skein.staking.finality.reached.v1',
    schema: FinalityReachedSchema,
    handle: async ({ chain, asOf, blockTimeMs, epochGenesisMs, epochMs }) => {
      if (asOf !== undefined) await hearOfBlock(this.#pool, { chain, block: asOf, blockTimeMs, epochGenesisMs, epochMs });
    },
  });
}

/** The gauge `stake_copy_age_seconds`: nothing while no block's time is known. */
export function stakeCopyAge(frontier: StakeCopyFrontier, meter: Meter): Worker {
  const description = 'Age of the newest final block that this service’s own copy of stakes has heard of';
  const gauge = meter.createObservableGauge('stake_copy_age_seconds', { unit: 's', description });
  const observe = async (result: ObservableResult): Promise<void> => {
    const ageMs = (await frontier.read())?.ageMs;
    if (ageMs !== undefined) result.observe(ageMs / 1_000);
  };
  return { name: 'stake-copy-age', start: () => gauge.addCallback(observe), stop: async () => gauge.removeCallback(observe) };
}

/** A block as the field `stake_block` of a message; none where none was recorded. */
export const stakeBlockField = (block: StakeBlock | undefined): { stakeBlock?: { number: bigint; hash: string } } =>
  block === undefined ? {} : { stakeBlock: { number: BigInt(block.number), hash: block.hash } };
