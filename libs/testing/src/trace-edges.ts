import { readFileSync } from 'node:fs';

/** `<service>→<service>` by a topic or an RPC service, with how often. */
export interface Edge {
  readonly from: string;
  readonly to: string;
  /** Topic whose event is the cause, or RPC service that was called. */
  readonly by: string;
  readonly count: number;
}

/** The committed list of edges, beside the topics. */
export const traceEdgesManifest = new URL('../../../proto/trace-edges.yaml', import.meta.url);

const ENTRY = /^ {2}- \{ from: ([a-z-]+), to: ([a-z-]+), by: \[([A-Za-z0-9., -]+)\] \}$/;

/** An edge as it is written down, with the topics and RPC services that make it. */
export interface ExpectedEdge {
  readonly from: string;
  readonly to: string;
  readonly by: readonly string[];
}

/** Reads the manifest: `edges:` and one flow mapping per line; anything else but comments is an error with its line. */
export function parseTraceEdges(yaml: string): ExpectedEdge[] {
  const edges: ExpectedEdge[] = [];
  for (const [at, raw] of yaml.split('\n').entries()) {
    const line = raw.replace(/\s*#.*$/, '').trimEnd();
    if (line === '' || line === 'edges:') continue;
    const [, from = '', to = '', by = ''] = ENTRY.exec(line) ?? [];
    if (from === '') throw new Error(`trace edges, line ${at + 1}: expected "  - { from: …, to: …, by: […] }"`);
    if (edges.some((edge) => edge.from === from && edge.to === to)) throw new Error(`trace edges, line ${at + 1}: ${from} → ${to} is there twice`);
    edges.push({ from, to, by: by.split(',').map((one) => one.trim()) });
  }
  return edges;
}

/** The edges of the committed manifest. */
export const loadTraceEdges = (manifest: URL = traceEdgesManifest): ExpectedEdge[] => parseTraceEdges(readFileSync(manifest, 'utf8'));

/** What a comparison found: edges as `from→to by topic-or-RPC-service`. */
export interface EdgeDifferences {
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
}

/**
 * Compares recorded edges with the list, each with what makes it: a consumer that loses its context is seen, too, where calls
 * between the same two services go on. Equal where both are empty.
 */
export function compareEdges(recorded: readonly Edge[], expected: readonly ExpectedEdge[]): EdgeDifferences {
  const seen = new Set(recorded.map(({ from, to, by }) => `${from}→${to} by ${by}`));
  const wanted = new Set(expected.flatMap(({ from, to, by }) => by.map((one) => `${from}→${to} by ${one}`)));
  return { missing: [...wanted].filter((edge) => !seen.has(edge)).sort(), unexpected: [...seen].filter((edge) => !wanted.has(edge)).sort() };
}
