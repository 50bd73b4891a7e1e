import type { Hex } from 'viem';

/** What a wallet stakes for, in the order of the contract's enum. */
export const stakeRoles = ['node', 'validator', 'participant'] as const;
export type StakeRole = (typeof stakeRoles)[number];

/** The contract's number of a role. */
export const roleNumber = (role: StakeRole): number => stakeRoles.indexOf(role);

/** The role of the contract's number; throws for a number that the contract cannot emit. */
export function roleOf(number: number): StakeRole {
  const role = stakeRoles[number];
  if (role === undefined) throw new RangeError(`no stake role has the number ${number}`);
  return role;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** `bytes16` of a task on chain: the 16 bytes of its UUID (lower case, with hyphens). */
export function taskKey(taskId: string): Hex {
  if (!UUID.test(taskId)) throw new TypeError(`not a lower-case UUID: ${taskId}`);
  return `0x${taskId.replaceAll('-', '')}`;
}

/** Inverse of `taskKey`. */
export function taskIdOf(key: Hex): string {
  const hex = key.slice(2).toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(hex)) throw new TypeError(`not 16 bytes: ${key}`);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
