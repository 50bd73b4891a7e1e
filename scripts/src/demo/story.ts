import type { AddressBook } from '@skein/contracts-evm';
import type { OtlpSink } from '@skein/testing/otlp-sink';
import type { Devnet, SkeinProcess } from '../process/skein-process.js';
import type { Actor } from './actor.js';
import type { StoryData } from '../data/story-data.js';
import type { Moments } from './moments.js';
import type { DemoOptions } from './options.js';
import type { Printer } from './printer.js';
import type { Report } from './report.js';

/** Everybody who takes part. */
export interface Cast {
  readonly partner: Actor;
  readonly operator: Actor;
  readonly deployer: Actor;
  /** In order: logistic regression, perceptron, the copier, the hostile one, the bad one. */
  readonly trainers: readonly Actor[];
  /** In order: five managed by Skein, two external ones, of which the last is the liar. */
  readonly validators: readonly Actor[];
  readonly hospitals: readonly Actor[];
  readonly laboratories: readonly Actor[];
  readonly saboteur: Actor;
  readonly customer: Actor;
  /** Who keeps a delegation pool, and those who delegate to it: the early one and the late one. */
  readonly keeper: Actor;
  readonly delegators: readonly [early: Actor, late: Actor];
  readonly reporter: Actor;
}

/** What the chapters hand on to each other. */
export interface Threads {
  task?: string;
  winnerSubmission?: string;
  federatedTask?: string;
  modelVersion?: string;
  customer?: string;
}

/** What every chapter gets. */
export interface Story {
  readonly options: DemoOptions;
  readonly seed: string;
  readonly printer: Printer;
  readonly skein: Pick<SkeinProcess, 'options'>;
  readonly devnet: Devnet;
  readonly book: AddressBook;
  readonly cast: Cast;
  readonly data: StoryData;
  readonly moments: Pick<Moments, 'reach' | 'settled' | 'kills'>;
  readonly report: Report;
  readonly threads: Threads;
  /** Where Skein's spans come, when they were asked for. */
  readonly sink: OtlpSink | undefined;
  /** What has to be ended however the story ends: run by the demo itself, also when it is interrupted. May run twice. */
  readonly endings: (() => Promise<void>)[];
}

/** One chapter: what it is called, which moments a kill may hit, and how it is played. */
export interface Chapter {
  readonly number: number;
  readonly title: string;
  readonly moments: readonly string[];
  play(story: Story): Promise<void>;
}

/** A check of the story's end or middle: throws a sentence that says what was expected. */
export function verify(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`the story does not hold: ${message}`);
}
