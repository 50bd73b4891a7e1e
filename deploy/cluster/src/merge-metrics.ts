const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?( .*)$/;

/**
 * Prometheus texts of several processes as one: each sample gets a label `process`, help and type of a metric stand once,
 * before all of its samples.
 */
export function mergeMetrics(texts: readonly (readonly [process: string, text: string])[]): string {
  const families = new Map<string, { readonly head: Set<string>; readonly samples: string[] }>();
  for (const [process, text] of texts) {
    let current = { head: new Set<string>(), samples: [] as string[] };
    for (const line of text.split('\n')) {
      const family = /^# (?:HELP|TYPE|UNIT) (\S+)/.exec(line)?.[1];
      if (family !== undefined) {
        const known = families.get(family);
        current = known === undefined ? { head: new Set(), samples: [] } : { head: known.head, samples: known.samples };
        families.set(family, current);
        // What differs between two processes (it should not) counts as the first one says it.
        if (![...current.head].some((one) => one.split(' ', 2)[1] === line.split(' ', 2)[1])) current.head.add(line);
        continue;
      }
      const sample = SAMPLE.exec(line);
      if (sample === null) continue;
      const [, name = '', labels = '', value = ''] = sample;
      current.samples.push(`${name}{process="${process}"${labels === '' ? '' : `,${labels}`}}${value}`);
    }
  }
  return [...families.values()].flatMap(({ head, samples }) => [...head, ...samples]).join('\n').concat('\n');
}
