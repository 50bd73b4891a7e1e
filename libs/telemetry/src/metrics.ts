import { metrics as api, type Meter } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes, type Resource } from '@opentelemetry/resources';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { Exemplars } from './exemplars.js';
import { toOpenMetrics } from './open-metrics.js';

/** A service's own metrics: in the all-in-one each of the six has one. */
export interface ServiceMetrics {
  /** Hand this to libs and use it for own instruments. */
  readonly meter: Meter;
  /** Prometheus text format of everything measured so far, for `/metrics`; with `openMetrics` as that, with exemplars. */
  render(openMetrics?: boolean): Promise<string>;
  shutdown(): Promise<void>;
}

const FAILED_HEAD = '# HELP metrics_failed Observations that failed at this look\n# UNIT metrics_failed {observation}\n# TYPE metrics_failed gauge\n';

/** One provider with its reader. */
class Source {
  readonly resource: Resource;
  readonly provider: MeterProvider;
  readonly #reader = new PrometheusExporter({ preventServerStart: true });

  constructor(service: string) {
    this.resource = resourceFromAttributes({ 'service.name': service });
    this.provider = new MeterProvider({ resource: this.resource, readers: [this.#reader] });
  }

  /** Prometheus text; every series carries the resource's name as `service_name`. What could not be observed is counted. */
  async text(resource: Resource = this.resource): Promise<string> {
    const { resourceMetrics, errors } = await this.#reader.collect();
    const text = new PrometheusSerializer('', false, /^service\.name$/, true, true).serialize({ ...resourceMetrics, resource });
    // One gauge that cannot be read, such as with the database away, must not hide the others when they are needed most.
    return `${text}${FAILED_HEAD}metrics_failed{service_name="${String(resource.attributes['service.name'])}"} ${errors.length}\n`;
  }
}

/** Instruments of the API's global meter (libs that were given none): one set per process, shown by its first service. */
let shared: Source | undefined;
const alive: Source[] = [];

/**
 * Makes the metrics of one service; every series carries `service_name="<name>"`. No port is opened. What libs measure on the
 * API's global meter appears with the process's first service: under its name where it is alone, else as `process`.
 */
export function createMetrics(service: string): ServiceMetrics {
  if (shared === undefined) {
    shared = new Source('process');
    api.setGlobalMeterProvider(shared.provider);
  }
  const own = new Source(service);
  alive.push(own);
  const exemplars = new Exemplars();
  const text = async (): Promise<string> => {
    if (alive[0] !== own || shared === undefined) return own.text();
    return mergeFamilies(await own.text(), await shared.text(alive.length === 1 ? own.resource : shared.resource));
  };
  return {
    meter: exemplars.over(own.provider.getMeter('skein')),
    render: async (openMetrics = false) => (openMetrics ? toOpenMetrics(await text(), exemplars) : text()),
    async shutdown() {
      if (alive.includes(own)) alive.splice(alive.indexOf(own), 1);
      await own.provider.shutdown();
    },
  };
}

/** Joins texts so that every family is there once: its comments, then all its series. */
export function mergeFamilies(...texts: readonly string[]): string {
  const families = new Map<string, { comments: string[]; series: string[] }>();
  for (const text of texts) {
    let family = { comments: [] as string[], series: [] as string[] };
    let known = false;
    for (const line of text.split('\n')) {
      if (line.startsWith('# HELP ')) {
        const name = line.split(' ', 3)[2]!;
        known = families.has(name);
        family = families.get(name) ?? { comments: [], series: [] };
        families.set(name, family);
      }
      if (!line.startsWith('#') && line !== '') family.series.push(line);
      if (line.startsWith('#') && !known) family.comments.push(line);
    }
  }
  const lines = [...families.values()].flatMap(({ comments, series }) => [...comments, ...series]);
  return lines.map((line) => `${line}\n`).join('');
}
