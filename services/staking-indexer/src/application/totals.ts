import type { StakeRole } from '../domain/facts.js';

/** A sum that the read models and a contract both know. Base units. */
export type Total =
  | { readonly name: 'staked' }
  | { readonly name: 'task-staked'; readonly taskId: string; readonly role: StakeRole }
  | { readonly name: 'locked' }
  | { readonly name: 'pool-principal'; readonly pool: string }
  | { readonly name: 'minted' }
  | { readonly name: 'rewards-funded'; readonly rewards: string }
  | { readonly name: 'rewards-paid'; readonly rewards: string }
  | { readonly name: 'federation-flock' }
  | { readonly name: 'federation-gm-flock' };

/** `pool-principal 0x…`: names a total to people and in events. */
export function labelOf(total: Total): string {
  switch (total.name) {
    case 'task-staked':
      return `${total.name} tasks/${total.taskId} ${total.role}`;
    case 'pool-principal':
      return `${total.name} ${total.pool}`;
    case 'rewards-funded':
    case 'rewards-paid':
      return `${total.name} ${total.rewards}`;
    default:
      return total.name;
  }
}
