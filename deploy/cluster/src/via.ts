import type { ServiceName } from '@skein/platform';
import type { Edge, ProcessId } from './options.js';

type Via = (edge: Edge) => Promise<number>;

async function through(via: Via, from: ProcessId, to: Edge['to'], host: string, port: string, standard: number): Promise<string> {
  const own = port === '' ? standard : Number(port);
  const chosen = await via({ from, to, host, port: own });
  return chosen === own ? `${host}:${own}` : `127.0.0.1:${chosen}`;
}

/** A `postgres://` URL with another host and port, or a `kafka://` list of brokers with others. */
async function urlThrough(via: Via, from: ProcessId, to: Edge['to'], url: string): Promise<string> {
  const [, scheme = '', login = '', hosts = '', rest = ''] = /^([a-z]+:\/\/)([^@/]*@)?([^/?]+)(.*)$/.exec(url) ?? [];
  const chosen: string[] = [];
  for (const one of hosts.split(',')) {
    const [host = '', port = ''] = one.split(':');
    chosen.push(await through(via, from, to, host, port, scheme === 'kafka://' ? 9092 : 5432));
  }
  return `${scheme}${login}${chosen.join(',')}${rest}`;
}

/** The environment of a process with each of its edges where `via` says. */
export async function viaEdges(from: ProcessId, env: Readonly<Record<string, string>>, peers: readonly (readonly [variable: string, service: ServiceName])[], via: Via): Promise<Record<string, string>> {
  const changed: Record<string, string> = { ...env };
  for (const [variable, to] of [['DATABASE_URL', 'postgres'], ['EVENT_LOG_URL', 'event-log']] as const) {
    const url = env[variable];
    if (url !== undefined) changed[variable] = await urlThrough(via, from, to, url);
  }
  for (const [variable, service] of peers) {
    const address = env[variable];
    if (address === undefined) continue;
    const [host = '', port = ''] = address.split(':');
    changed[variable] = await through(via, from, service, host, port, 0);
  }
  return changed;
}
