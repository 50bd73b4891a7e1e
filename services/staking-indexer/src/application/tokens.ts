/** `ChainSource`: the chain that is followed. */
export const CHAIN_SOURCE = Symbol('CHAIN_SOURCE');
/** `ChainStatusBoard`. */
export const CHAIN_STATUS = Symbol('CHAIN_STATUS');
/** `AddressBook` of @skein/contracts-evm. */
export const ADDRESS_BOOK = Symbol('ADDRESS_BOOK');
/** `StakingQueries`. */
export const STAKING_QUERIES = Symbol('STAKING_QUERIES');
/** `ChainTimes`: epochs and blocks' times. */
export const CHAIN_TIMES = Symbol('CHAIN_TIMES');
