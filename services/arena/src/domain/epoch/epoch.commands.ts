import type { Participant } from '../task/participants.policy.js';
import type { EpochOpened } from './epoch.events.js';

/** Stakes as they are now; whatever command happens to end the epoch pays by them. */
interface Now {
  readonly nowMs: number;
  readonly stakes: readonly Participant[];
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
