import { ensureLock, ensureMinted, fundGas, parseAddressBook, type AddressBook } from '@skein/contracts-evm';
import { Actor } from '../demo/actor.js';
import { persist } from '../demo/persist.js';
import type { Devnet } from '../process/skein-process.js';

const UNIT = 10n ** 18n;
const LOCK_SECONDS = 90n * 86_400n;
const LOCK = 12_000n * UNIT;

/** Everybody of the short scenario. */
export interface People {
  readonly book: AddressBook;
  readonly partner: Actor;
  readonly operator: Actor;
  readonly deployer: Actor;
  readonly trainers: readonly Actor[];
  readonly validators: readonly Actor[];
}

const numbered = (name: string, count: number, seed: string, devnet: Devnet): Promise<Actor[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => Actor.create(`${name}-${index + 1}`, seed, devnet)));

/** Signs everybody in. The wallets follow from the devnet's seed, so that every run has the same ones. */
export async function peopleOf(devnet: Devnet): Promise<People> {
  const { seed } = devnet;
  return {
    book: parseAddressBook(devnet.addressBook),
    partner: await Actor.create('partner', seed, devnet),
    operator: await Actor.create('operator', seed, devnet, devnet.operatorToken),
    deployer: await Actor.create('deployer', seed, devnet),
    trainers: await numbered('trainer', 2, seed, devnet),
    validators: await numbered('validator', 3, seed, devnet),
  };
}

const all = ({ partner, operator, deployer, trainers, validators }: People): Actor[] => [partner, operator, deployer, ...trainers, ...validators];

/** Once, before the state is copied: gas for everybody, and locked FLOCK for those that stake. */
export async function endow(devnet: Devnet, people: People): Promise<void> {
  const { book, deployer, trainers, validators } = people;
  await fundGas(devnet, all(people).map(({ chain }) => chain.address));
  const stakers = [...trainers, ...validators];
  for (const { chain } of stakers) await persist(() => ensureMinted(deployer.chain, book, chain.address, 2n * LOCK));
  await Promise.all(stakers.map(({ chain }) => persist(() => ensureLock(chain, book, { amount: LOCK, lockSeconds: LOCK_SECONDS }))));
}

/** Ends everybody's connections. */
export const dismiss = (people: People): void => all(people).forEach((actor) => actor.close());
