import { canonicalJson, sha256Hex } from '@skein/kernel';
import type { ChargeTerms } from './ledger.commands.js';

/** Name of terms of charging: the hash of their content. */
export const termsIdOf = (terms: ChargeTerms): string => sha256Hex(canonicalJson(terms));
