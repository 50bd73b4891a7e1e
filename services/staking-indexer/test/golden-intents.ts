import type { Intent, IntentKind } from '../src/domain/outbox/intent.js';

const hash = (digit: string): string => `0x${digit.repeat(64)}`;
const account = (digit: string): string => `0x${digit.repeat(40)}`;
const taskId = '0192f0c1-2b3c-7def-8123-456789abcdef';
const TOKEN = 10n ** 18n;

/** One intent of each kind, as it was first accepted; with what was added later where its name says so. */
export const goldenIntents: Readonly<Record<IntentKind | `${IntentKind}.${string}`, Intent>> = {
  'mint-epoch': { kind: 'mint-epoch', epoch: 20_000n },
  'post-root': { kind: 'post-root', epoch: 20_000n, revision: 0, root: hash('d'), sum: 7n * TOKEN },
  'fix-vesting': { kind: 'fix-vesting', taskId, start: 1_790_000_000n, duration: 2_592_000n },
  'open-task': { kind: 'open-task', taskId, latestEnd: 1_800_000_000n },
  'end-final-validation': { kind: 'end-final-validation', taskId },
  'finish-task': { kind: 'finish-task', taskId },
  'cancel-task': { kind: 'cancel-task', taskId },
  'open-case': { kind: 'open-case', caseId: hash('1'), taskId, role: 'validator', wallet: account('a'), reporter: account('0'), cap: 3n * TOKEN, evidence: hash('e') },
  'open-case.rule': { kind: 'open-case', caseId: hash('1'), taskId, role: 'validator', wallet: account('a'), reporter: account('0'), cap: 3n * TOKEN, evidence: hash('e'), rule: 'late' },
  slash: { kind: 'slash', caseId: hash('1'), amount: 2n * TOKEN },
  'dismiss-case': { kind: 'dismiss-case', caseId: hash('1') },
  'dismiss-case.revision': { kind: 'dismiss-case', caseId: hash('1'), revision: 1 },
  'create-federation': { kind: 'create-federation', taskId, sponsor: account('b'), latestEnd: 1_800_000_000n, rounds: 4, slashBps: 1_000, threshold: TOKEN },
  'open-round': { kind: 'open-round', taskId, round: 3 },
  'settle-round': {
    kind: 'settle-round', taskId, round: 3, caller: account('0'), slashes: [{ wallet: account('a'), amount: 5n * TOKEN }], pays: [{ wallet: account('b'), flock: TOKEN, gm: 0n }],
  },
  'finish-federation': { kind: 'finish-federation', taskId },
  'grant-pool': { kind: 'grant-pool', cause: `tasks/${taskId}/epochs/4`, owner: account('c'), units: 30n * TOKEN },
  'hold-decision': { kind: 'hold-decision', decision: 'skein.arena.epoch.rewarded.v1/m-1', wanted: '{"type":"skein.arena.epoch.rewarded.v1"}' },
};
