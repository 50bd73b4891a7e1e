import { gramOf } from '../gram.js';
import { combine, deltasOf, difference } from '../vectors.js';
import type { Rule } from './rule.js';

/**
 * Trust by direction (Cao et al. 2021): TS_i = max(0, cos(Δ_i, root)), every update rescaled to the root's norm, then the
 * trust-weighted mean. No trust at all keeps the current weights.
 */
export const fltrust: Rule = ({ global, updates, root }) => {
  if (root === undefined) throw new TypeError('fltrust needs the root weights');
  const deltas = deltasOf(global, updates);
  const gram = gramOf([...deltas, difference(root, global)]);
  const last = deltas.length;
  const rootNorm = Math.sqrt(gram[last]![last]!);
  const norms = deltas.map((_, i) => Math.sqrt(gram[i]![i]!));
  const trusts = norms.map((length, i) =>
    length === 0 || rootNorm === 0 ? 0 : Math.max(0, gram[i]![last]! / (length * rootNorm)),
  );
  const total = trusts.reduce((sum, trust) => sum + trust, 0);
  if (total === 0) return { weights: Float64Array.from(global), selected: [] };
  const factors = trusts.map((trust, i) => (trust === 0 ? 0 : (trust * rootNorm) / (norms[i]! * total)));
  return {
    weights: combine(global, factors, deltas),
    selected: updates.filter((_, i) => trusts[i]! > 0).map((update) => update.nodeId),
  };
};
