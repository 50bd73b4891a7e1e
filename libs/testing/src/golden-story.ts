import { readdirSync, readFileSync } from 'node:fs';
import { decodePayload, encodePayload, schemaVersionOf, upcast, type DomainEvent, type Upcasters } from '@skein/kernel';

/** Name of the file with the data of one event as it was stored: `<type>.json` in schema version 1, `<type>.s<version>.json` later. */
const fileOf = (type: string, version: number): string => (version === 1 ? `${type}.json` : `${type}.s${version}.json`);

/**
 * A story as a later program reads it back: the first event of each type is what its golden file in `folder` holds, lifted by
 * `upcasters`; the others went through their stored form. One story per schema version: in the n-th each file is of version n, or
 * of its type's newest where that is older. Fold each of them with the decider of today. Throws where a type has no file.
 */
export function goldenStories<E extends DomainEvent>(story: readonly E[], folder: URL, upcasters: Upcasters = {}): E[][] {
  const files = new Set(readdirSync(folder));
  const versions = Math.max(...story.map(({ type }) => schemaVersionOf(upcasters, type)));
  return Array.from({ length: versions }, (_, at) => {
    const seen = new Set<string>();
    return story.map((event) => {
      const { type } = event;
      const first = !seen.has(type);
      seen.add(type);
      const version = first ? Math.min(at + 1, schemaVersionOf(upcasters, type)) : schemaVersionOf(upcasters, type);
      if (first && !files.has(fileOf(type, version))) throw new Error(`event type ${type} has no golden file of schema version ${version}`);
      const stored = first ? readFileSync(new URL(fileOf(type, version), folder), 'utf8') : JSON.stringify(encodePayload(event.data));
      return { ...event, data: upcast(upcasters, type, version, decodePayload(JSON.parse(stored))) } as E;
    });
  });
}
