import type { ReportError } from '../embedded/partition-loop.js';

const REPEATED_AFTER_MS = 30_000;
const REPORTED_MAX = 200;

/** Reports the same failure once in 30 s: a broker that is away would otherwise be reported several times a second by every connection. */
export function reportOnce(report: ReportError): ReportError {
  const reportedMs = new Map<string, number>();
  return (error, where) => {
    const line = `${where} ${error instanceof Error ? error.message : String(error)}`;
    const lastMs = reportedMs.get(line);
    if (lastMs !== undefined && performance.now() - lastMs < REPEATED_AFTER_MS) return;
    if (reportedMs.size >= REPORTED_MAX) reportedMs.clear();
    reportedMs.set(line, performance.now());
    report(error, where);
  };
}
