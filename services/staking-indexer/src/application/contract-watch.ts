import type { BlockRef } from '../domain/facts.js';
import type { ChainSource } from './chain-source.js';

/** Final blocks between two looks at the contracts' code. */
const EVERY_BLOCKS = 32;
/** Blocks that a deployment may take. */
const DEPLOYMENT_BLOCKS = 128;

/** What was found, and whether contracts may still be missing because the deployment goes on. */
export interface SeenCode {
  readonly codes: Readonly<Record<string, string>>;
  readonly deploying: boolean;
}

/** Asks now and then what code the followed contracts have: one that is replaced under us makes its logs worthless. */
export class ContractWatch {
  readonly #source: Pick<ChainSource, 'codes'>;
  readonly #fromBlock: number;
  #seenAt: number | undefined;

  constructor(source: Pick<ChainSource, 'codes'>, fromBlock: number) {
    this.#source = source;
    this.#fromBlock = fromBlock;
  }

  /** Undefined where it is not time yet, or the block's state is gone. */
  async look({ number, hash }: BlockRef): Promise<SeenCode | undefined> {
    if (number < this.#fromBlock || (this.#seenAt !== undefined && number < this.#seenAt + EVERY_BLOCKS)) return undefined;
    const codes = await this.#source.codes({ number, hash });
    return codes && { codes, deploying: number < this.#fromBlock + DEPLOYMENT_BLOCKS };
  }

  seen({ number }: BlockRef): void {
    this.#seenAt = number;
  }
}
