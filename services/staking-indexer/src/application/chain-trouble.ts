/**
 * Why the chain cannot be read now. Nothing has been recorded and the chain is asked again: each of these can heal by itself.
 * What a look finds wrong with readable answers is a `Rejection` of the decider instead.
 */
export type TroubleRule =
  | 'endpoint-unreachable'
  | 'endpoint-timeout'
  | 'endpoint-status'
  | 'endpoint-refused'
  | 'rate-limited'
  | 'answer-not-json'
  | 'answer-too-large'
  | 'answer-malformed'
  | 'range-refused'
  | 'truncated-answer'
  | 'missing-block'
  | 'block-changed'
  | 'finality-beyond-latest'
  | 'final-block-changed'
  | 'wrong-chain-id'
  | 'too-few-endpoints'
  | 'providers-disagree';

export class ChainTrouble extends Error {
  readonly rule: TroubleRule;
  /** The endpoint's own wish. */
  readonly retryAfterMs: number | undefined;

  constructor(rule: TroubleRule, message: string, options: { readonly retryAfterMs?: number; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'ChainTrouble';
    this.rule = rule;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The chain refused a range of blocks, or what it answered about it does not fit together: ask for less, or again. */
export class RangeRefused extends ChainTrouble {
  constructor(message: string, rule: TroubleRule = 'range-refused') {
    super(rule, message);
    this.name = 'RangeRefused';
  }
}

const ABSENT: readonly TroubleRule[] = ['endpoint-unreachable', 'endpoint-timeout', 'endpoint-status', 'endpoint-refused', 'rate-limited', 'answer-not-json', 'answer-too-large', 'answer-malformed'];

/** True where one endpoint gave no usable answer, which says nothing about the chain: another one may. */
export const isAbsence = (error: unknown): error is ChainTrouble => error instanceof ChainTrouble && ABSENT.includes(error.rule);
