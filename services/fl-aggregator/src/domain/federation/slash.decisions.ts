import { ok } from '@skein/kernel';
import type { Rejection, Result } from '@skein/kernel';
import type { FinaliseSlash } from './federation.commands.js';
import type { FederationEvent } from './federation.events.js';
import type { FederationState } from './federation.state.js';

/** Closes the case of a slash that a final block has, once. */
export function finaliseSlash({ caseId }: FinaliseSlash, state: FederationState): Result<readonly FederationEvent[], Rejection> {
  const slash = state.openSlashes[caseId];
  if (slash === undefined) return ok([]);
  return ok([{ type: 'skein.federation.slash.finalised.v1', data: { caseId, ...slash } }]);
}
