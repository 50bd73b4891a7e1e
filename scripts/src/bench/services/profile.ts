import { basename } from 'node:path';

/** The parts of a V8 CPU profile that are read here. */
export interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number } }[];
  readonly samples?: readonly number[];
  readonly timeDeltas?: readonly number[];
  /** Microseconds of the machine's monotonic clock. */
  readonly startTime?: number;
}

/** Microseconds of the machine's monotonic clock, as profiles count them. */
export const monotonicUs = (): number => Number(process.hrtime.bigint() / 1_000n);

/** One function with its own time, as a share of all time that the process was not idle. */
export interface HotFunction {
  readonly function: string;
  readonly at: string;
  readonly selfShare: number;
}

const IDLE = new Set(['(idle)', '(root)']);

/** `package/file.js` or `file.js`; empty for the runtime itself. */
function moduleOf(url: string): string {
  if (url === '') return '';
  const owner = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? /\/(?:libs|services)\/((?:clients\/)?[^/]+)\//.exec(url)?.[1] ?? (url.startsWith('node:') ? 'node' : '');
  return `${owner === '' ? '' : `${owner}/`}${basename(url)}`;
}

/** Functions of a module by self time between two moments, the hottest first: the widest tips of the flame graph. */
export function hottest(profile: CpuProfile, [fromUs, toUs]: readonly [number, number] = [0, Number.MAX_SAFE_INTEGER], limit = 5): readonly HotFunction[] {
  const { samples = [], timeDeltas = [] } = profile;
  const nodes = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const self = new Map<string, { name: string; at: string; time: number }>();
  let busy = 0;
  let nowUs = profile.startTime ?? 0;
  samples.forEach((id, index) => {
    const frame = nodes.get(id);
    nowUs += timeDeltas[index] ?? 0;
    if (nowUs < fromUs || nowUs > toUs || frame === undefined || IDLE.has(frame.functionName)) return;
    const time = timeDeltas[index] ?? 0;
    busy += time;
    const name = frame.functionName === '' ? '(anonymous)' : frame.functionName;
    const at = moduleOf(frame.url);
    const known = self.get(`${name} ${at}`);
    if (known === undefined) self.set(`${name} ${at}`, { name, at, time });
    else known.time += time;
  });
  const sorted = [...self.values()].sort((a, b) => b.time - a.time).slice(0, limit);
  return sorted.map(({ name, at, time }) => ({ function: name, at, selfShare: Math.round((time / Math.max(1, busy)) * 10_000) / 10_000 }));
}
