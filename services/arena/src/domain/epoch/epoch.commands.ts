import type { KnownArtifact } from '../submission/copy.policy.js';
import type { Participant, StakeBlock } from '../task/participants.policy.js';
import type { EpochOpened } from './epoch.events.js';

/** Whatever command happens to end a window or the epoch judges and pays by these. */
interface Now {
  readonly nowMs: number;
  /** Stakes as they are now. */
  readonly stakes: readonly Participant[];
  /** Final block that they are as of; absent where none is known. */
  readonly stakeBlock?: StakeBlock;
  /** Who revealed the same bytes in earlier epochs, in commit order; needed where a command may lead to judgement. */
  readonly known: readonly KnownArtifact[];
}

/** What validation found out about one submission. Shares are fixed point with 18 decimals and sum to 1 where it counts. */
export interface Verdict {
  readonly submissionId: string;
  readonly outcome: 'counted' | 'uncounted' | 'failed';
  /** Kebab-case rule of a model that could not be evaluated. */
  readonly rule: string;
  readonly scoreNano: bigint;
  readonly shares: readonly { readonly wallet: string; readonly share: bigint; readonly shareAlone: bigint }[];
}

export type EpochCommand = Now &
  (
    | ({ readonly kind: 'open' } & Omit<EpochOpened['data'], 'openedAtMs' | 'commitDueAtMs'>)
    | { readonly kind: 'commit'; readonly submissionId: string; readonly owner: string; readonly commit: string; readonly epoch: number }
    | { readonly kind: 'mark-done'; readonly wallet: string; readonly epoch: number }
    | { readonly kind: 'close-commits' }
    | { readonly kind: 'reveal'; readonly submissionId: string; readonly owner: string; readonly artifactSha256: string; readonly salt: string }
    | { readonly kind: 'record-admission'; readonly submissionId: string; readonly admission: Admission }
    | { readonly kind: 'close-reveals' }
    | { readonly kind: 'record-verdict'; readonly verdict: Verdict }
    | { readonly kind: 'cancel' }
  );

export type Admission =
  | { readonly admitted: true; readonly parameters: number; readonly opset: number }
  | { readonly admitted: false; readonly rule: string; readonly message: string; readonly platformFault: boolean };
