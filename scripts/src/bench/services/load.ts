/** One burst of load, as the generator's own process is told. */
export interface LoadOrder {
  readonly url: string;
  readonly targets: readonly LoadTarget[];
  readonly connections: number;
  readonly seconds: number;
  /** Requests per second, at times of their own; as fast as answers come where absent. */
  readonly rate?: number;
}

/** A command of one tenant; each request of it gets a key of its own. */
export interface LoadTarget {
  readonly path: string;
  readonly authorization: string;
  readonly body: string;
}

/** What came of it. Latencies in milliseconds, of answers with status 2xx, since their request was due. */
export interface LoadOutcome {
  readonly seconds: number;
  readonly answered: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly okPerSecond: number;
  readonly okP50Ms: number;
  readonly okP99Ms: number;
  /** Answers 429 that name a time, in the header and in the problem. */
  readonly refusedWithTime: number;
  readonly retryAfterMsMedian: number;
  /** 99th percentile until a refusal was there. */
  readonly refusedP99Ms: number;
  /** Requests without an answer. */
  readonly errors: number;
  /** 99th percentile of how late the generator itself was; 0 where no rate was asked for. */
  readonly lateP99Ms: number;
}
