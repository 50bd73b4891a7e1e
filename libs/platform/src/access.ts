import { getOption, hasOption, type DescFile, type DescMethod, type DescService } from '@bufbuild/protobuf';
import { access as accessOption, Role as ProtoRole } from '@skein/contracts/common';
import { RejectionError } from '@skein/kernel';
import type { Identity } from './identity.js';

/** Kinds of callers, as the `access` option names them. */
export type CallerRole = 'anyone' | 'wallet' | 'organisation' | 'operator' | 'service';

/** Who may call an RPC. */
export interface MethodAccess {
  readonly roles: readonly CallerRole[];
  /** Scope that a wallet session or API key must carry; empty when none. */
  readonly scope: string;
  readonly command: boolean;
}

const NAMES: Readonly<Record<number, CallerRole>> = {
  [ProtoRole.ANYONE]: 'anyone',
  [ProtoRole.WALLET]: 'wallet',
  [ProtoRole.ORGANISATION]: 'organisation',
  [ProtoRole.OPERATOR]: 'operator',
  [ProtoRole.SERVICE]: 'service',
};
const cache = new WeakMap<DescMethod, MethodAccess>();

/** The access option of an RPC; one that declares none is open to nobody. */
export function accessOf(method: DescMethod): MethodAccess {
  let found = cache.get(method);
  if (found === undefined) {
    const option = hasOption(method, accessOption) ? getOption(method, accessOption) : undefined;
    const roles = (option?.roles ?? []).flatMap((role) => NAMES[role] ?? []);
    cache.set(method, (found = { roles, scope: option?.scope ?? '', command: option?.command ?? false }));
  }
  return found;
}

const denied = (rule: string, message: string): RejectionError => new RejectionError({ code: 'permission-denied', rule, message });

/** Throws unless the identity may call the RPC: `credentials-required` (unauthenticated), `role` or `scope` (permission-denied). */
export const authorise = (method: DescMethod, identity: Identity): void => authoriseAccess(accessOf(method), identity);

/** As `authorise`, for a call that no proto defines. */
export function authoriseAccess({ roles, scope }: Pick<MethodAccess, 'roles' | 'scope'>, identity: Identity): void {
  if (roles.includes('anyone')) return;
  if (identity.kind === 'anonymous') throw new RejectionError({ code: 'unauthenticated', rule: 'credentials-required', message: 'this call needs credentials', field: 'authorization' });
  if (!roles.includes(identity.kind)) throw denied('role', `this call is not open to the role ${identity.kind}`);
  const scopes = 'scopes' in identity ? identity.scopes : undefined;
  if (scope !== '' && scopes !== undefined && !scopes.includes(scope)) throw denied('scope', `this call needs the scope ${scope}`);
}

/** Whether a service's RPCs belong on the internal port: its package ends in `.internal.v<N>`. */
export const isInternal = (service: DescService): boolean => /\.internal\.v\d+$/.test(service.file.proto.package);

/** One RPC and who may call it. */
export interface AccessEntry extends MethodAccess {
  /** `skein.arena.v1.TaskService/ProposeTask`. */
  readonly name: string;
  readonly method: DescMethod;
  readonly internal: boolean;
}

/** Every RPC of the files with its access, for tests that walk call × role and for documents. */
export function walkAccessMatrix(files: readonly DescFile[]): readonly AccessEntry[] {
  return files
    .flatMap((file) => file.services)
    .flatMap((service) => service.methods.map((method) => ({ name: `${service.typeName}/${method.name}`, method, internal: isInternal(service), ...accessOf(method) })));
}
