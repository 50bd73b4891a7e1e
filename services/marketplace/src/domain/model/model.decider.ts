import type { Decider, Rejection, Result } from '@skein/kernel';
import { ok, reject } from '@skein/kernel';
import type { Lineage, ModelEvent, ProbeResult, TensorSpec, VersionAdmitted, VersionRegistered } from './model.events.js';
import type { Contributors } from './owner-shares.policy.js';
import { ownerShares } from './owner-shares.policy.js';

/** Lists a version whose lineage was looked up and whose bytes were admitted and probed. */
export interface RegisterVersion {
  readonly type: 'register-version';
  /** Slug. */
  readonly model: string;
  /** Wallet that asks. */
  readonly caller: string;
  /** Wallets that may list this lineage: the winner's owner and the creators of its tasks. */
  readonly entitled: readonly string[];
  readonly artifactSha256: string;
  readonly lineage: Lineage;
  readonly contributors: Contributors;
  readonly licence: string;
  readonly intendedUse: string;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly probe: ProbeResult;
  readonly runtime: string;
  readonly nowMs: number;
}

export interface MoveAlias {
  readonly type: 'move-alias';
  readonly caller: string;
  readonly alias: string;
  readonly version: number;
  readonly nowMs: number;
}

export type ModelCommand = RegisterVersion | MoveAlias;

/** A version as registered and admitted. */
export type ModelVersion = VersionRegistered['data'] & Pick<VersionAdmitted['data'], 'inputs' | 'outputs' | 'probe'>;

export interface ModelState {
  readonly model: string;
  /** Wallet that listed the first version; empty while there is no such model. */
  readonly owner: string;
  /** Index 0 is version 1. */
  readonly versions: readonly ModelVersion[];
  readonly aliases: ReadonlyMap<string, number>;
}

type Decision = Result<readonly ModelEvent[], Rejection>;

const SLUG = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const SLUG_MAX = 48;

function register(command: RegisterVersion, state: ModelState): Decision {
  const { model, caller, nowMs } = command;
  if (!SLUG.test(model) || model.length > SLUG_MAX)
    return reject('invalid-argument', 'format', 'a model name is made of lower-case words joined by hyphens', 'model');
  if (state.owner !== '' && state.owner !== caller) return reject('already-exists', 'model-name-taken', `the name ${model} belongs to another owner`, 'model');
  if (!command.entitled.includes(caller))
    return reject('permission-denied', 'lineage-owner', 'only the developer and the creators of the tasks may list this lineage', 'lineage');
  const version = state.versions.length + 1;
  const registered: VersionRegistered = {
    type: 'skein.marketplace.model.version-registered.v1',
    data: {
      model,
      version,
      registrant: caller,
      artifactSha256: command.artifactSha256,
      lineage: command.lineage,
      developer: command.contributors.developer,
      shares: ownerShares(command.contributors),
      sharesVersion: 1,
      licence: command.licence,
      intendedUse: command.intendedUse,
      atMs: nowMs,
    },
  };
  const { inputs, outputs, probe, runtime } = command;
  return ok([registered, { type: 'skein.marketplace.model.version-admitted.v1', data: { model, version, inputs, outputs, probe, runtime, atMs: nowMs } }]);
}

function moveAlias(command: MoveAlias, state: ModelState): Decision {
  const { caller, alias, version, nowMs } = command;
  if (state.owner !== caller || version < 1 || version > state.versions.length) return reject('not-found', 'not-found', 'there is no such resource', 'version');
  if (state.aliases.get(alias) === version) return ok([]);
  return ok([{ type: 'skein.marketplace.model.alias-moved.v1', data: { model: state.model, alias, version, atMs: nowMs } }]);
}

function evolve(state: ModelState, event: ModelEvent): ModelState {
  switch (event.type) {
    case 'skein.marketplace.model.version-registered.v1': {
      const probe = { macs: 0, cpuUs: 0, bytes: 0, coldLoadUs: 0, peakMemoryBytes: 0 };
      const owner = state.owner === '' ? event.data.registrant : state.owner;
      return { ...state, model: event.data.model, owner, versions: [...state.versions, { ...event.data, inputs: [], outputs: [], probe }] };
    }
    case 'skein.marketplace.model.version-admitted.v1': {
      const { version, inputs, outputs, probe } = event.data;
      return { ...state, versions: state.versions.map((each) => (each.version === version ? { ...each, inputs, outputs, probe } : each)) };
    }
    case 'skein.marketplace.model.alias-moved.v1':
      return { ...state, aliases: new Map(state.aliases).set(event.data.alias, event.data.version) };
  }
}

/** A model: its versions with lineage and owner shares. The stream is named by the model, so a name has one owner. */
export const modelDecider: Decider<ModelState, ModelCommand, ModelEvent> = {
  initialState: () => ({ model: '', owner: '', versions: [], aliases: new Map() }),
  decide: (command, state) => (command.type === 'register-version' ? register(command, state) : moveAlias(command, state)),
  evolve,
};
