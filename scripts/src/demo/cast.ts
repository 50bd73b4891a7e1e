import { fundGas, type ChainEndpoint } from '@skein/contracts-evm';
import type { Devnet } from '../process/skein-process.js';
import { Actor } from './actor.js';
import type { Cast } from './story.js';

const TRAINERS = ['logistic', 'perceptron', 'copier', 'hostile', 'bad'] as const;
const VALIDATORS = ['validator-1', 'validator-2', 'validator-3', 'validator-4', 'validator-5', 'validator-6', 'liar'] as const;
const HOSPITALS = ['hospital-1', 'hospital-2', 'hospital-3'] as const;
const LABORATORIES = ['laboratory-1', 'laboratory-2'] as const;

/** Makes everybody's wallet and session from the seed, and gives the wallets gas. */
export async function castOf(seed: string, devnet: Devnet): Promise<Cast> {
  const wallet = (name: string): Promise<Actor> => Actor.create(name, seed, devnet);
  const all = (names: readonly string[]): Promise<Actor[]> => Promise.all(names.map(wallet));
  const cast: Cast = {
    partner: await wallet('partner'),
    operator: await Actor.create('operator', seed, devnet, devnet.operatorToken),
    deployer: await Actor.create('deployer', devnet.seed, devnet),
    trainers: await all(TRAINERS),
    validators: await all(VALIDATORS),
    hospitals: await all(HOSPITALS),
    laboratories: await all(LABORATORIES),
    saboteur: await wallet('saboteur'),
    customer: await wallet('customer'),
    keeper: await wallet('keeper'),
    delegators: [await wallet('early'), await wallet('late')],
    reporter: await wallet('reporter'),
  };
  const endpoint: ChainEndpoint = devnet;
  await fundGas(endpoint, everybody(cast).map(({ chain }) => chain.address));
  return cast;
}

/** All actors in a fixed order. */
export const everybody = (cast: Cast): Actor[] => [cast.partner, cast.operator, cast.deployer, ...cast.trainers, ...cast.validators, ...cast.hospitals, ...cast.laboratories, cast.saboteur, cast.customer, cast.keeper, ...cast.delegators, cast.reporter];
