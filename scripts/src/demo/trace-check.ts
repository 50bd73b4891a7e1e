import { compareEdges, loadTraceEdges, type OtlpSink } from '@skein/testing/otlp-sink';
import { persist } from './persist.js';
import type { Printer } from './printer.js';
import { verify } from './story.js';

/** What Skein is started with, so that its spans come to the sink soon and none is dropped in a burst. */
export const tracedBy = ({ url }: OtlpSink): Record<string, string> => ({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_BSP_SCHEDULE_DELAY: '250', OTEL_BSP_MAX_QUEUE_SIZE: '65536' });

/** The edges between services, from the spans of the whole story: shown, and equal to the committed list. */
export async function checkTraces(sink: OtlpSink, printer: Printer): Promise<void> {
  const expected = loadTraceEdges();
  // The last spans are on their way.
  await persist(async () => verify(compareEdges(sink.edges(), expected).missing.length === 0, `no span shows ${compareEdges(sink.edges(), expected).missing.join(', ')}`), 10_000);
  const edges = sink.edges();
  const { unexpected } = compareEdges(edges, expected);
  printer.table(['from', 'to', 'spans', 'by'], edges.map(({ from, to, count, by }) => [from, to, String(count), by || 'nothing that tells']));
  verify(unexpected.length === 0, `the committed list lacks ${unexpected.join(', ')}`);
  const spans = sink.spans();
  const traces = new Set(spans.map(({ traceId }) => traceId)).size;
  const processes = new Set(spans.map(({ service, instanceId }) => `${service}/${instanceId}`)).size;
  printer.line(`${spans.length} spans in ${traces} traces from ${processes} tracers; their ${edges.length} edges between services, each with its topic or RPC service, equal proto/trace-edges.yaml`);
}
