/** What the two processes of the latency bench agree on. */
export const topicOf = (adapter: string): string => `bench.${adapter}-note.v1`;
export const TYPE = 'skein.bench.note.taken.v1';
export const readerGroupOf = (topic: string): string => `reader.${topic}`;

/** The machine's clock in milliseconds with fractions, comparable between processes. */
export const wallMs = (): number => performance.timeOrigin + performance.now();

/** What a reader answers when it is asked for its use of the CPU: milliseconds since it began. */
export interface CpuUse {
  readonly cpuMs: number;
}

/** When one event passed each place, in milliseconds of the machine's clock. */
export interface Passage {
  appendedFromMs: number;
  appendedMs: number;
  sendingMs: number;
  sentMs: number;
  receivedMs: number;
  visibleMs: number;
}

/** The hops between an append and its row in the other service, in order. */
export const HOPS: Readonly<Record<string, (passage: Passage) => number>> = {
  append: ({ appendedFromMs, appendedMs }) => appendedMs - appendedFromMs,
  'position and relay': ({ appendedMs, sendingMs }) => Math.max(0, sendingMs - appendedMs),
  'send to broker': ({ sendingMs, sentMs }) => sentMs - sendingMs,
  // The reader may have it before the writer has read the broker's answer.
  'fetch and hand over': ({ sentMs, receivedMs }) => Math.max(0, receivedMs - sentMs),
  'inbox and read model': ({ receivedMs, visibleMs }) => visibleMs - receivedMs,
};
