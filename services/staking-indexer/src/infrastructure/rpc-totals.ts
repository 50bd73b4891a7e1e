import { emissionAbi, federationTaskAbi, gmExchangeAbi, delegationPoolAbi, rewardsAbi, roleNumber, taskKey, taskStakingAbi, type AddressBook } from '@skein/contracts-evm';
import { encodeFunctionData, hexToBigInt, size, type Hex } from 'viem';
import { ChainTrouble } from '../application/chain-trouble.js';
import type { Total } from '../application/totals.js';

/** A call that answers one number. */
export interface NumberCall {
  readonly to: Hex;
  readonly data: Hex;
}

/** Where a contract says a total. */
export function callOf(book: AddressBook, total: Total): NumberCall {
  switch (total.name) {
    case 'staked':
      return { to: book.taskStaking, data: encodeFunctionData({ abi: taskStakingAbi, functionName: 'grandTotal' }) };
    case 'task-staked': {
      const args = [taskKey(total.taskId), roleNumber(total.role as 'node')] as const;
      return { to: book.taskStaking, data: encodeFunctionData({ abi: taskStakingAbi, functionName: 'totalOf', args }) };
    }
    case 'locked':
      return { to: book.gmExchange, data: encodeFunctionData({ abi: gmExchangeAbi, functionName: 'totalLocked' }) };
    case 'pool-principal':
      return { to: total.pool as Hex, data: encodeFunctionData({ abi: delegationPoolAbi, functionName: 'total' }) };
    case 'minted':
      return { to: book.emission, data: encodeFunctionData({ abi: emissionAbi, functionName: 'totalMinted' }) };
    case 'rewards-funded':
      return { to: total.rewards as Hex, data: encodeFunctionData({ abi: rewardsAbi, functionName: 'totalFunded' }) };
    case 'rewards-paid':
      return { to: total.rewards as Hex, data: encodeFunctionData({ abi: rewardsAbi, functionName: 'totalPaid' }) };
    case 'federation-flock':
      return { to: book.federationTask, data: encodeFunctionData({ abi: federationTaskAbi, functionName: 'totalFlock' }) };
    case 'federation-gm-flock':
      return { to: book.federationTask, data: encodeFunctionData({ abi: federationTaskAbi, functionName: 'totalGm' }) };
  }
}

/** The number a call answered. */
export function numberOf(answer: Hex): bigint {
  if (size(answer) !== 32) throw new ChainTrouble('answer-malformed', `eth_call: ${size(answer)} bytes are no number: is the contract there?`);
  return hexToBigInt(answer);
}
