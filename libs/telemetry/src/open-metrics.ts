import type { Exemplars } from './exemplars.js';

/** Media type of OpenMetrics. */
export const OPEN_METRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** Whether an `Accept` header asks for OpenMetrics. */
export const wantsOpenMetrics = (accept: string | undefined): boolean => accept?.includes('application/openmetrics-text') === true;

const COMMENT = /^# (HELP|TYPE|UNIT) (\S+) (.*)$/;
const BUCKET = /^([A-Za-z0-9_:]+)_bucket\{(.*)\} (\S+)$/;
const LABEL = /([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"/g;
/** Labels of every series of a service: not among those that were measured. */
const CONSTANT = 'service_name';

/** A unit as a word, where the family's name ends in it as OpenMetrics asks. */
function unitOf(family: string, unit: string): string | undefined {
  const word = unit === 's' ? 'seconds' : `${unit.replace(/[{}]/g, '')}s`;
  return family.endsWith(`_${word}`) ? word : undefined;
}

function comment(kind: string, name: string, rest: string, counters: ReadonlySet<string>): string[] {
  const family = counters.has(name) ? name.replace(/_total$/, '') : name;
  if (kind !== 'UNIT') return [`# ${kind} ${family} ${rest}`];
  const unit = unitOf(family, rest);
  return unit === undefined ? [] : [`# UNIT ${family} ${unit}`];
}

function bucket(name: string, text: string, count: string, exemplars: Exemplars): string {
  const labels = [...text.matchAll(LABEL)].map(([, label = '', value = '']): [string, string] => [label, value]);
  const le = labels.find(([label]) => label === 'le')?.[1] ?? '';
  const measured = labels.filter(([label]) => label !== 'le' && label !== CONSTANT);
  const canonical = text.replace(/le="(-?\d+)"/, 'le="$1.0"');
  return `${name}_bucket{${canonical}} ${count}${exemplars.of(name, measured, le)}`;
}

/** Prometheus text as OpenMetrics 1.0: families without `_total`, units as words, exemplars on buckets, `# EOF`. */
export function toOpenMetrics(text: string, exemplars: Exemplars): string {
  const lines = text.split('\n');
  const counters = new Set(lines.flatMap((line) => /^# TYPE (\S+_total) counter$/.exec(line)?.[1] ?? []));
  const converted = lines.flatMap((line) => {
    if (line.startsWith('#')) {
      const [, kind, name, rest] = COMMENT.exec(line) ?? [];
      return kind === undefined ? [] : comment(kind, name!, rest!, counters);
    }
    const [, name, labels, count] = BUCKET.exec(line) ?? [];
    return line === '' ? [] : [name === undefined ? line : bucket(name, labels!, count!, exemplars)];
  });
  return `${converted.join('\n')}\n# EOF\n`;
}
