import type { Address } from 'viem';
import { readAddress } from './address-book.js';

/**
 * Who may do what, and all parameters of a deployment. Seconds and amounts (base units) are bigint, shares basis points.
 * Whatever `multisig` is absent from is a devnet: the deployer stays administrator.
 */
export interface DeploySettings {
  /** Administrator in the end, and the one who announces changes to the time lock. */
  readonly multisig?: Address;
  /** Opens, ends and finishes tasks; fixes vestings; settles federated rounds. */
  readonly operator: Address;
  /** Posts reward roots. */
  readonly rewardOperator: Address;
  /** Opens, dismisses and executes cases. */
  readonly caseOperator: Address;
  /** Stops and resumes money that comes in. */
  readonly pauser: Address;
  /** Locks its own FLOCK for others. */
  readonly grantor: Address;
  /** Receives fees. */
  readonly treasury: Address;
  /** Mints FLOCK beside the emission; with a multisig nobody does. */
  readonly minter?: Address;
  /** FLOCK that the deployment mints to the multisig (on devnets to the deployer). */
  readonly genesisSupply: bigint;
  /** First second of epoch 0, since 1970. */
  readonly genesisSeconds: bigint;
  readonly epochSeconds: bigint;
  readonly unbondingSeconds: bigint;
  readonly appealSeconds: bigint;
  readonly exitSeconds: bigint;
  readonly coolDownSeconds: bigint;
  readonly sigmaNoticeSeconds: bigint;
  readonly sigmaIntervalSeconds: bigint;
  readonly sigmaFreezeSeconds: bigint;
  readonly timelockSeconds: bigint;
  readonly minimumLock: bigint;
  readonly feeBps: number;
  readonly ownFeeBps: number;
  readonly delegatorFeeBps: number;
  readonly reporterBps: number;
  /** Delegation counts up to so many times the own stake. */
  readonly delegationCap: number;
  readonly flockSymbol: string;
  readonly gmFlockSymbol: string;
}

/** What of `DeploySettings` somebody has chosen. */
export type DeployOptions = Partial<DeploySettings>;

/** Conversion fee of a lock in basis points. */
export const CONVERSION_FEE_BPS = 513;
/** Least FLOCK of one lock: one whole token. */
export const MINIMUM_LOCK = 10n ** 18n;

const DAY = 86_400n;

/** Parameters as the domain has them; who and when is no one's default. */
export const PRODUCTION = {
  genesisSupply: 0n,
  epochSeconds: DAY,
  unbondingSeconds: 10n * DAY,
  appealSeconds: 7n * DAY,
  exitSeconds: 10n * DAY,
  coolDownSeconds: DAY,
  sigmaNoticeSeconds: 10n * DAY,
  sigmaIntervalSeconds: 30n * DAY,
  sigmaFreezeSeconds: 2n * DAY,
  timelockSeconds: 2n * DAY,
  minimumLock: MINIMUM_LOCK,
  feeBps: CONVERSION_FEE_BPS,
  ownFeeBps: 800,
  delegatorFeeBps: 1_450,
  reporterBps: 1_000,
  delegationCap: 3,
  flockSymbol: 'FLOCK',
  gmFlockSymbol: 'gmFLOCK',
} as const satisfies DeployOptions;

const OWNERS = ['operator', 'rewardOperator', 'caseOperator', 'pauser', 'grantor', 'treasury'] as const;

/** Fills in what was not chosen: every owner is the multisig, or on devnets the deployer. Throws an `Error` that names a field. */
export function settingsFor(deployer: Address, genesisSeconds: bigint, options: DeployOptions): DeploySettings {
  const { multisig } = options;
  const owner = multisig ?? deployer;
  const owners = Object.fromEntries(OWNERS.map((field) => [field, options[field] ?? owner])) as Record<(typeof OWNERS)[number], Address>;
  const minter = options.minter ?? (multisig === undefined ? deployer : undefined);
  const settings: DeploySettings = { ...PRODUCTION, genesisSeconds, ...options, ...owners, ...(minter === undefined ? {} : { minter }) };
  if (multisig === undefined) return settings;
  const kept = (['multisig', ...OWNERS] as const).find((field) => settings[field] === deployer);
  if (kept !== undefined) throw new Error(`${kept} is the deployer, who keeps nothing where there is a multisig`);
  if (minter !== undefined) throw new Error('minter: where there is a multisig only the emission mints');
  return settings;
}

type Kind = 'address' | 'seconds' | 'amount' | 'bps' | 'count' | 'text';
const KINDS: Readonly<Record<keyof DeploySettings, Kind>> = {
  multisig: 'address',
  operator: 'address',
  rewardOperator: 'address',
  caseOperator: 'address',
  pauser: 'address',
  grantor: 'address',
  treasury: 'address',
  minter: 'address',
  genesisSupply: 'amount',
  genesisSeconds: 'seconds',
  epochSeconds: 'seconds',
  unbondingSeconds: 'seconds',
  appealSeconds: 'seconds',
  exitSeconds: 'seconds',
  coolDownSeconds: 'seconds',
  sigmaNoticeSeconds: 'seconds',
  sigmaIntervalSeconds: 'seconds',
  sigmaFreezeSeconds: 'seconds',
  timelockSeconds: 'seconds',
  minimumLock: 'amount',
  feeBps: 'bps',
  ownFeeBps: 'bps',
  delegatorFeeBps: 'bps',
  reporterBps: 'bps',
  delegationCap: 'count',
  flockSymbol: 'text',
  gmFlockSymbol: 'text',
};

/** Names of all settings. */
export const SETTING_NAMES = Object.keys(KINDS) as (keyof DeploySettings)[];

function whole(where: string, value: unknown, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max) throw new Error(`${where} is not a whole number from 0 to ${max}`);
  return value;
}

const READ: Readonly<Record<Kind, (where: string, value: unknown) => unknown>> = {
  address: readAddress,
  seconds: (where, value) => BigInt(whole(where, value, 2 ** 32 - 1)),
  amount: (where, value) => {
    if (typeof value !== 'string' || !/^\d{1,30}$/.test(value)) throw new Error(`${where} is not an amount: base units as a string of digits`);
    return BigInt(value);
  },
  bps: (where, value) => whole(where, value, 10_000),
  count: (where, value) => whole(where, value, 65_535),
  text: (where, value) => {
    // Its bytes must fit the one word that a short string is kept in.
    if (typeof value !== 'string' || !/^[\x21-\x7e]{1,31}$/.test(value)) throw new Error(`${where} is not a word of 1 to 31 characters`);
    return value;
  },
};

/** Reads settings out of JSON; throws an `Error` that names the field. */
export function readSettings(where: string, raw: Readonly<Record<string, unknown>>): DeployOptions {
  const strange = Object.keys(raw).find((field) => !Object.hasOwn(KINDS, field));
  if (strange !== undefined) throw new Error(`${where}: ${strange} is unknown`);
  const read = SETTING_NAMES.filter((name) => raw[name] !== undefined).map((name) => [name, READ[KINDS[name]](`${where}: ${name}`, raw[name])]);
  return Object.fromEntries(read) as DeployOptions;
}

/** Settings as `readSettings` reads them. */
export const writeSettings = (settings: DeployOptions): Record<string, unknown> =>
  Object.fromEntries(
    SETTING_NAMES.flatMap((name) => {
      const value = settings[name];
      if (value === undefined) return [];
      return [[name, typeof value !== 'bigint' ? value : KINDS[name] === 'amount' ? value.toString() : Number(value)]];
    }),
  );
