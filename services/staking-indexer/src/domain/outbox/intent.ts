import { canonicalJson, utf8, type Rejection } from '@skein/kernel';

/** One wallet's slash in a federated round; `wallet` is an address, amounts are base units of gmFLOCK. */
export interface RoundSlash {
  readonly wallet: string;
  readonly amount: bigint;
}

/** One wallet's pay of a federated round, in base units. */
export interface RoundPay {
  readonly wallet: string;
  readonly flock: bigint;
  readonly gm: bigint;
}

/** What a pool is to be paid at once, by the name of its owner: which pool that is, a final block says, and not always yet. */
export interface GrantPool {
  readonly kind: 'grant-pool';
  /** The decision that pays: `tasks/{uuid}/epochs/{n}`. */
  readonly cause: string;
  readonly owner: string;
  readonly units: bigint;
}

/** A decision that cannot be carried out as it is. It is never tried: the operator looks at it, and gives it up. */
export interface HoldDecision {
  readonly kind: 'hold-decision';
  /** Which one; the same whenever it is told. */
  readonly decision: string;
  /** What was decided, as JSON. */
  readonly wanted: string;
}

/**
 * What was decided and is to happen on chain, once. Addresses are lower case, hashes and case ids `0x` and 64 hex digits, tasks
 * UUIDs, times seconds since 1970, amounts base units.
 */
export type Intent =
  | { readonly kind: 'mint-epoch'; readonly epoch: bigint }
  | { readonly kind: 'post-root'; readonly epoch: bigint; readonly revision: number; readonly root: string; readonly sum: bigint }
  | { readonly kind: 'fix-vesting'; readonly taskId: string; readonly start: bigint; readonly duration: bigint }
  | { readonly kind: 'open-task'; readonly taskId: string; readonly latestEnd: bigint }
  | { readonly kind: 'end-final-validation'; readonly taskId: string }
  | { readonly kind: 'finish-task'; readonly taskId: string }
  | { readonly kind: 'cancel-task'; readonly taskId: string }
  | {
      readonly kind: 'open-case';
      readonly caseId: string;
      readonly taskId: string;
      readonly role: 'node' | 'validator' | 'participant';
      readonly wallet: string;
      readonly reporter: string;
      readonly cap: bigint;
      readonly evidence: string;
      /** What it is about, for those whom it concerns; the chain does not hold it. */
      readonly rule?: string;
    }
  | { readonly kind: 'slash'; readonly caseId: string; readonly amount: bigint }
  /** `revision` 1: a slash had been decided, and was given up before it was sent. */
  | { readonly kind: 'dismiss-case'; readonly caseId: string; readonly revision?: number }
  | {
      readonly kind: 'create-federation';
      readonly taskId: string;
      readonly sponsor: string;
      readonly latestEnd: bigint;
      readonly rounds: number;
      readonly slashBps: number;
      readonly threshold: bigint;
    }
  | { readonly kind: 'open-round'; readonly taskId: string; readonly round: number }
  | {
      readonly kind: 'settle-round';
      readonly taskId: string;
      readonly round: number;
      readonly caller: string;
      readonly slashes: readonly RoundSlash[];
      readonly pays: readonly RoundPay[];
    }
  | { readonly kind: 'finish-federation'; readonly taskId: string }
  | GrantPool
  | HoldDecision;

/** An intent that is one call of a contract. */
export type ChainIntent = Exclude<Intent, GrantPool | HoldDecision>;

export type IntentKind = Intent['kind'];
export type ChainIntentKind = ChainIntent['kind'];
type OfKind<K extends IntentKind> = Extract<Intent, { kind: K }>;

/** What excludes each other has one name: a case ends by a slash or by a dismissal, a task is finished or cancelled. */
const names: { readonly [K in IntentKind]: (intent: OfKind<K>) => string } = {
  'mint-epoch': ({ epoch }) => `epochs/${epoch}/emission`,
  'post-root': ({ epoch, revision }) => `epochs/${epoch}/rewards${revision === 0 ? '' : `/revisions/${revision}`}`,
  'fix-vesting': ({ taskId }) => `tasks/${taskId}/vesting`,
  'open-task': ({ taskId }) => `tasks/${taskId}/opening`,
  'end-final-validation': ({ taskId }) => `tasks/${taskId}/final-validation`,
  'finish-task': ({ taskId }) => `tasks/${taskId}/end`,
  'cancel-task': ({ taskId }) => `tasks/${taskId}/end`,
  'open-case': ({ caseId }) => `cases/${caseId}/notice`,
  slash: ({ caseId }) => `cases/${caseId}/end`,
  'dismiss-case': ({ caseId, revision = 0 }) => `cases/${caseId}/end${revision === 0 ? '' : `/revisions/${revision}`}`,
  'create-federation': ({ taskId }) => `federatedTasks/${taskId}/creation`,
  'open-round': ({ taskId, round }) => `federatedTasks/${taskId}/rounds/${round}/opening`,
  'settle-round': ({ taskId, round }) => `federatedTasks/${taskId}/rounds/${round}/settlement`,
  'finish-federation': ({ taskId }) => `federatedTasks/${taskId}/end`,
  'grant-pool': ({ cause, owner }) => `${cause}/pools/${owner}`,
  'hold-decision': ({ decision }) => `decisions/${decision}`,
};

/** Whether a transaction brings it about. */
export const isForChain = (intent: Intent): intent is ChainIntent => intent.kind !== 'grant-pool' && intent.kind !== 'hold-decision';

/** The end of a federated task gives its sponsor what is left of the pool. */
const PAYING: readonly IntentKind[] = ['post-root', 'fix-vesting', 'settle-round', 'finish-federation'];

/** Whether money leaves by it that was not there to be claimed before; it waits while payouts are frozen. */
export const pays = ({ kind }: Intent): boolean => PAYING.includes(kind);

/** Every kind of intent. */
export const intentKinds = Object.keys(names) as readonly IntentKind[];

/** The business name of what is to happen once: whoever asks twice asks for the same. */
export const intentId = (intent: Intent): string => (names[intent.kind] as (of: Intent) => string)(intent);

/** Two intents of one id are the same if and only if this text is. */
export const contentOf = (intent: Intent): string => canonicalJson(intent);

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const ADDRESS = /^0x[0-9a-f]{40}$/;
const HASH = /^0x[0-9a-f]{64}$/;
const forms: Readonly<Record<string, RegExp>> = {
  taskId: UUID, caseId: HASH, root: HASH, evidence: HASH, wallet: ADDRESS, reporter: ADDRESS, sponsor: ADDRESS, caller: ADDRESS, owner: ADDRESS,
};
/** The widths that the contracts give their numbers, in bits. */
const widths: Readonly<Record<string, bigint>> = {
  epoch: 64n, sum: 128n, start: 40n, duration: 40n, latestEnd: 64n, cap: 128n, amount: 128n, threshold: 128n, flock: 128n, gm: 128n, units: 128n,
  rounds: 16n, round: 16n, slashBps: 16n, revision: 16n,
};
/** The contract takes no more members either. */
const WALLETS_MAX = 256;
/** An event holds 65 536 bytes, and an intent is not all of it. Calldata of as many wallets is shorter than this text, and base64 fits, too. */
const CONTENT_BYTES_MAX = 60_000;

const wrong = (field: string, message: string): Rejection => ({ code: 'invalid-argument', rule: 'intent-field', message: `${field} ${message}`, field });

function valueProblem(field: string, value: unknown): Rejection | undefined {
  const form = forms[field];
  if (form !== undefined && !form.test(String(value))) return wrong(field, 'has not the form it must have');
  const bits = widths[field];
  if (bits === undefined) return undefined;
  const number = BigInt(value as bigint | number);
  return number < 0n || number >= 1n << bits ? wrong(field, `does not fit ${bits} bits`) : undefined;
}

function listProblem(field: string, list: readonly (RoundSlash | RoundPay)[]): Rejection | undefined {
  if (list.length > WALLETS_MAX) return wrong(field, `names more than ${WALLETS_MAX} wallets`);
  for (const [at, entry] of list.entries()) {
    const previous = list[at - 1];
    if (previous !== undefined && previous.wallet >= entry.wallet) return wrong(field, 'does not ascend by wallet');
    const problem = Object.entries(entry).map(([name, value]) => valueProblem(name, value)).find((found) => found !== undefined);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** What is wrong with an intent before the chain is asked; undefined where nothing is. */
export function intentProblem(intent: Intent): Rejection | undefined {
  for (const [field, value] of Object.entries(intent)) {
    const problem = Array.isArray(value) ? listProblem(field, value as readonly (RoundSlash | RoundPay)[]) : valueProblem(field, value);
    if (problem !== undefined) return problem;
  }
  const bytes = utf8(contentOf(intent)).length;
  if (bytes <= CONTENT_BYTES_MAX) return undefined;
  return { code: 'invalid-argument', rule: 'intent-too-large', message: `${intentId(intent)} has ${bytes} bytes, at most ${CONTENT_BYTES_MAX} can be kept` };
}
