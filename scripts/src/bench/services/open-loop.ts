import type { HttpAnswer } from './http-line.js';

/** Something that carries one request at a time; a port for tests. */
export interface Line {
  send(request: string): Promise<HttpAnswer>;
  close(): void;
}

/** What to offer. */
export interface OpenLoop {
  readonly open: () => Line;
  /** The next request. */
  readonly next: () => string;
  /** Requests per second, evenly spaced. */
  readonly rate: number;
  readonly seconds: number;
  readonly linesMax: number;
  /** After the last one was due, answers are waited for so long. */
  readonly patienceMs: number;
}

/** An answer, and how long after its request was due it came. */
export interface Timed {
  readonly answer: HttpAnswer;
  readonly ms: number;
}

/** What came of it. */
export interface Offered {
  readonly timed: readonly Timed[];
  /** Requests that were due and had no answer when patience ended, or whose connection broke. */
  readonly lost: number;
  /** From the first one to the last answer, at least as long as was asked for. */
  readonly seconds: number;
  /** How late the generator itself looked at what was due: its own starvation, which counts as the caller's waiting. */
  readonly lateMs: readonly number[];
}

const TICK_MS = 1;

/**
 * Requests at the times they are due, whatever became of those before; time counts from when a request was due, not from when it
 * was sent. A server that stands still for a second so has a second's requests waiting, each with its full time (a caller that waits
 * for one answer before its next request would have left them out: coordinated omission).
 */
export function openLoop({ open, next, rate, seconds, linesMax, patienceMs }: OpenLoop): Promise<Offered> {
  const total = Math.round(rate * seconds);
  const free: Line[] = [];
  const lines: Line[] = [];
  const waiting: number[] = [];
  const timed: Timed[] = [];
  const lateMs: number[] = [];
  const fromMs = performance.now();
  let [due, taken, lost, lastMs] = [0, 0, 0, fromMs];

  const lineOf = (): Line | undefined => {
    const idle = free.pop();
    if (idle !== undefined || lines.length === linesMax) return idle;
    const line = open();
    lines.push(line);
    return line;
  };
  const carry = async (line: Line, dueMs: number): Promise<void> => {
    const answer = await line.send(next());
    lastMs = performance.now();
    if (answer.status === 0) lost += 1;
    else timed.push({ answer, ms: lastMs - dueMs });
    free.push(line);
    pump();
  };
  const pump = (): void => {
    while (taken < waiting.length) {
      const line = lineOf();
      if (line === undefined) return;
      void carry(line, waiting[taken++]!);
    }
  };
  const tick = (): void => {
    const nowMs = performance.now();
    const first = due;
    for (; due < total && fromMs + (due * 1_000) / rate <= nowMs; due += 1) waiting.push(fromMs + (due * 1_000) / rate);
    if (due > first) lateMs.push(nowMs - waiting[first]!);
    pump();
  };
  return new Promise((resolve) => {
    const ticking = setInterval(() => {
      tick();
      const unanswered = due - timed.length - lost;
      if (due < total || (unanswered > 0 && performance.now() < fromMs + seconds * 1_000 + patienceMs)) return;
      clearInterval(ticking);
      for (const line of lines) line.close();
      resolve({ timed: [...timed], lost: lost + unanswered, seconds: Math.max(seconds, (lastMs - fromMs) / 1_000), lateMs });
    }, TICK_MS);
  });
}
