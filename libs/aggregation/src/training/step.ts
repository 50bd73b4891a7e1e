import type { Rejection, Result } from '@skein/kernel';
import { deriveStepGraph } from '@skein/models';
import type { StepGraph } from '@skein/models';

/**
 * The training step of a forward graph with the loss that its last operator means: Sigmoid → binary cross entropy, Softmax →
 * cross entropy. Refusals are those of `deriveStepGraph`.
 */
export function federatedStep(forward: Uint8Array): Result<StepGraph, Rejection> {
  const binary = deriveStepGraph(forward, 'binary-cross-entropy');
  if (binary.ok || binary.error.rule !== 'unsupported-loss') return binary;
  return deriveStepGraph(forward, 'cross-entropy');
}
