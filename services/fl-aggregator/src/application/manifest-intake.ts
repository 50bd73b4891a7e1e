import { Inject, Injectable } from '@nestjs/common';
import { federatedStep, isRuleName, isStateful, ruleParameters, updatesMin } from '@skein/aggregation';
import type { RuleParameters } from '@skein/aggregation';
import { reject, unwrap } from '@skein/kernel';
import { defaultModelLimits, flattenParameters, trainableParameters } from '@skein/models';
import type { Manifest } from '../domain/index.js';
import { WeightArtifacts } from './weight-artifacts.js';

/** A manifest as it is asked for: without what the forward graph tells. */
export type ManifestDraft = Omit<Manifest, 'parameters' | 'rule'> & {
  readonly rule: { readonly name: string; readonly parameters: RuleParameters };
};

/** Rules that need more of a round than weights and examples. */
const UNSERVED = ['scaffold', 'fltrust', 'fedbuff'];

const refuse = (rule: string, message: string, field: string): never => unwrap(reject('invalid-argument', rule, message, field));

function servedRule({ name, parameters }: ManifestDraft['rule']): Manifest['rule'] {
  const known = isRuleName(name) ? name : refuse('rule-unknown', `there is no aggregation rule ${name.slice(0, 40)}`, 'manifest.rule.name');
  if (isStateful(known) || UNSERVED.includes(known))
    return refuse('rule-not-served', `${known} needs state between rounds or a root update, which rounds do not keep`, 'manifest.rule.name');
  const full = unwrap(ruleParameters(known, parameters));
  return { name: known, parameters: full, updatesMin: updatesMin(known, full) };
}

/** Turns a draft into a manifest: checks the rule, derives the gradient graph (or refuses by name), takes parameters and starting weights out of the forward graph. */
@Injectable()
export class ManifestIntake {
  readonly #artifacts: WeightArtifacts;
  constructor(@Inject(WeightArtifacts) artifacts: WeightArtifacts) {
    this.#artifacts = artifacts;
  }

  async complete(draft: ManifestDraft, creator: string): Promise<{ manifest: Manifest; weightsSha256: string }> {
    const rule = servedRule(draft.rule);
    const forward = await this.#artifacts.adopt(draft.forwardSha256, creator);
    await this.#artifacts.adopt(draft.publicRowsSha256, creator);
    if (forward.length > defaultModelLimits.bytesMax)
      return refuse('size', 'the forward graph is too large', 'manifest.forward_sha256');
    unwrap(federatedStep(forward));
    const tensors = unwrap(trainableParameters(forward));
    const parameters = tensors.map(({ name, dims }) => ({ name, dims: [...dims] }));
    const weightsSha256 = await this.#artifacts.putWeights(parameters, flattenParameters(tensors), [creator]);
    return { manifest: { ...draft, rule, parameters }, weightsSha256 };
  }
}
