import { Inject, Injectable } from '@nestjs/common';
import type { FederationState, RoundState } from '../domain/index.js';
import { UPDATE_READS } from './ports.js';
import type { UpdateReadLog } from './ports.js';
import { WeightArtifacts } from './weight-artifacts.js';

const holds = (round: RoundState, sha256: string): boolean => Object.values(round.contributions).some((c) => c.sha256 === sha256);

/** Whether a raw update may be read: by a voter of the running round, once contributing has closed. */
export function mayReadUpdate(state: FederationState, reader: string, sha256: string): boolean {
  const { round } = state;
  if (!round || round.phase === 'contributing' || !holds(round, sha256)) return false;
  return round.voters.some(({ node }) => node === reader);
}

/**
 * Whether the bytes are the task's own (graph, public rows, accepted weights) and the reader takes part. Not the aggregate that
 * is being voted on: with one contribution it is that update, and voters compute it themselves.
 */
export function mayReadTask(state: FederationState, reader: string, sha256: string): boolean {
  const { manifest, models, members, creator } = state;
  if (members[reader]?.out !== false && reader !== creator) return false;
  return [manifest?.forwardSha256, manifest?.publicRowsSha256, ...models].includes(sha256);
}

/** Reading artifacts of a task; every read of a raw update is logged before its bytes go out. */
@Injectable()
export class TaskReading {
  readonly #artifacts: WeightArtifacts;
  readonly #reads: UpdateReadLog;
  constructor(@Inject(WeightArtifacts) artifacts: WeightArtifacts, @Inject(UPDATE_READS) reads: UpdateReadLog) {
    this.#artifacts = artifacts;
    this.#reads = reads;
  }

  /** The bytes, or undefined where the reader may not have them (also when they do not exist: nobody can tell which). */
  async read(state: FederationState, reader: string, sha256: string): Promise<Uint8Array | undefined> {
    if (mayReadUpdate(state, reader, sha256)) await this.#reads.record({ taskId: state.id, round: state.round!.round, sha256, reader });
    else if (!mayReadTask(state, reader, sha256)) return undefined;
    return this.#artifacts.bytes(sha256);
  }
}
