import { ArtifactService, file_skein_artifacts_v1_artifacts } from '@skein/contracts/artifacts';
import { file_skein_artifacts_internal_v1_artifacts } from '@skein/contracts/artifacts/internal';
import { file_skein_operations_v1_service } from '@skein/contracts/operations';
import { walkAccessMatrix, type AccessEntry, type CallerRole, type ServiceName } from '@skein/platform';
import { eventually } from '@skein/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Actor } from '../../../scripts/src/demo/actor.js';
import { portsFrom } from '../src/ports.js';
import { definitions } from '../src/services.js';
import { callEmpty, callRest, restTargets, type Outcome } from './support/calls.js';
import { serviceToken, sessionOf } from './support/credentials.js';
import { apiKey, customerOf } from './support/market-play.js';
import { bootSkein, type TestSkein } from './support/skein.js';

/** Somebody with a credential: what the `access` options see in it. */
interface Caller {
  readonly name: string;
  readonly role?: Exclude<CallerRole, 'anyone' | 'service'>;
  readonly scopes?: readonly string[];
  readonly token?: string;
  /** The credential is no valid one on the public port. */
  readonly invalid?: true;
}

const AUTHORISATION_RULES = ['credentials-required', 'role', 'scope'];
/** First segment of a service's REST paths. */
const contextOf: Readonly<Record<ServiceName, string>> = { arena: 'arena', validation: 'validation', 'fl-aggregator': 'federation', 'staking-indexer': 'staking', marketplace: 'marketplace', billing: 'billing' };
/** Services that know API keys; at the others a key is no credential. */
const WITH_KEYS: readonly ServiceName[] = ['billing', 'marketplace'];

let s: TestSkein;
let callers: readonly Caller[];

const filesOf = (name: ServiceName) => {
  const definition = definitions.find((one) => one.name === name)!;
  return [...definition.contexts, file_skein_operations_v1_service, ...(definition.artifacts === true ? [file_skein_artifacts_v1_artifacts, file_skein_artifacts_internal_v1_artifacts] : [])];
};
const matrixOf = (name: ServiceName): readonly AccessEntry[] => walkAccessMatrix(filesOf(name));
const names = definitions.map(({ name }) => name);
const scopes = [...new Set(names.flatMap((name) => matrixOf(name).map(({ scope }) => scope)))].filter((scope) => scope !== '');

beforeAll(async () => {
  s = await bootSkein('matrix');
  const owner = await Actor.create('owner', s.devnet.seed, s.devnet);
  const customer = await customerOf(owner, 'matrix');
  const [inferring, reading] = [await apiKey(owner, customer, 'to call', ['marketplace.infer']), await apiKey(owner, customer, 'to read', ['billing.read'])];
  callers = [
    { name: 'anonymous' },
    { name: 'wallet without the scope', role: 'wallet', scopes: [], token: await sessionOf(s, 'owner', []) },
    { name: 'wallet', role: 'wallet', scopes, token: await sessionOf(s, 'owner', scopes) },
    { name: 'key to read', role: 'organisation', scopes: ['billing.read'], token: reading },
    { name: 'key to call', role: 'organisation', scopes: ['marketplace.infer'], token: inferring },
    { name: 'operator', role: 'operator', token: s.devnet.operatorToken },
    { name: 'false operator', token: `op_${'0'.repeat(64)}`, invalid: true },
    { name: 'service on the public port', token: serviceToken(s, 'validation', 'arena'), invalid: true },
  ];
  owner.close();
  // The marketplace hears of keys by events.
  await eventually(async () => expect((await callRest(s.devnet.frontUrl, { verb: 'GET', path: '/marketplace/v1/calls' }, inferring)).status).toBe(200));
});

afterAll(() => s?.stop());

/** What authorisation must say, by the words of the option alone; undefined: let through. */
function refusal(entry: AccessEntry, caller: Caller, at: ServiceName): 'unauthenticated' | 'permission-denied' | undefined {
  if (caller.invalid || (caller.role === 'organisation' && !WITH_KEYS.includes(at))) return 'unauthenticated';
  if (entry.roles.includes('anyone')) return undefined;
  if (caller.role === undefined) return 'unauthenticated';
  if (!entry.roles.includes(caller.role)) return 'permission-denied';
  if (caller.role === 'operator' || entry.scope === '') return undefined;
  return caller.scopes?.includes(entry.scope) ? undefined : 'permission-denied';
}

function check(entry: AccessEntry, caller: Caller, at: ServiceName, outcome: Outcome): void {
  const expected = refusal(entry, caller, at);
  const call = `${at}: ${entry.name} by ${caller.name}`;
  if (expected !== undefined) expect({ call, code: outcome.code }).toEqual({ call, code: expected });
  // Whoever is let through meets the request's own rules; nobody is answered by a failure of the server.
  else expect({ call, rule: outcome.rule, failed: ['unauthenticated', 'unimplemented', 'internal', 'unknown', 'deadline-exceeded'].includes(outcome.code), denied: AUTHORISATION_RULES.includes(outcome.rule ?? '') }).toEqual({ call, rule: outcome.rule, failed: false, denied: false });
}

describe.each(names)('%s', (name) => {
  const entries = matrixOf(name);

  test('declares who may call each RPC', () => {
    expect(entries.length).toBeGreaterThan(0);
    for (const { name: call, roles, internal } of entries) {
      expect({ call, open: roles.length > 0 }).toEqual({ call, open: true });
      expect({ call, internal }).toEqual({ call, internal: roles.includes('service') });
    }
  });

  test('over gRPC each RPC is open to exactly those', async () => {
    const address = s.devnet.grpc[name] as string;
    for (const entry of entries.filter(({ internal }) => !internal))
      await Promise.all(callers.map(async (caller) => check(entry, caller, name, await callEmpty(entry.method, address, caller.token))));
  });

  test('over REST too, whatever the body', async () => {
    for (const entry of entries.filter(({ internal }) => !internal))
      for (const target of restTargets(entry.method, contextOf[name]))
        await Promise.all(
          callers.map(async (caller) => {
            const answer = await callRest(s.devnet.frontUrl, target, caller.token);
            check(entry, caller, name, answer);
            const denied = refusal(entry, caller, name);
            if (denied !== undefined) expect(answer.status).toBe(denied === 'unauthenticated' ? 401 : 403);
          }),
        );
  });

  test('internal RPCs do not exist on the public port, public ones not on the internal port', async () => {
    const own = serviceToken(s, 'validation', name);
    const internal = `127.0.0.1:${portsFrom(Number(new URL(s.devnet.frontUrl).port)).internal[name]}`;
    for (const entry of entries) {
      const elsewhere = entry.internal ? (s.devnet.grpc[name] as string) : internal;
      for (const token of [undefined, own, s.devnet.operatorToken]) expect([entry.name, (await callEmpty(entry.method, elsewhere, token)).code]).toEqual([entry.name, 'unimplemented']);
    }
  });

  test('on the internal port a service token opens, and nothing else does', async () => {
    const address = `127.0.0.1:${portsFrom(Number(new URL(s.devnet.frontUrl).port)).internal[name]}`;
    const other = names.find((one) => one !== name) as string;
    for (const entry of entries.filter(({ internal }) => internal)) {
      const opened = await callEmpty(entry.method, address, serviceToken(s, other, name));
      expect({ call: entry.name, refused: ['unauthenticated', 'permission-denied', 'unimplemented'].includes(opened.code) }).toEqual({ call: entry.name, refused: false });
      const people = callers.filter(({ token }) => !token?.startsWith('svc.')).map(({ token }) => token);
      for (const token of [...people, serviceToken(s, other, other)]) expect([entry.name, (await callEmpty(entry.method, address, token)).code]).toEqual([entry.name, 'unauthenticated']);
    }
  });
});

test('paths of internal calls do not exist at the front', async () => {
  for (const path of ['/arena/internal/v1/evaluations:grant', '/billing/internal/v1/reserve', '/skein.billing.internal.v1.CreditService/Reserve']) {
    const answer = await callRest(s.devnet.frontUrl, { verb: 'POST', path }, s.devnet.operatorToken, '{}');
    expect([path, answer.status]).toEqual([path, 404]);
  }
});

test('paid inference over REST needs an API key with the scope', async () => {
  const target = { verb: 'POST', path: '/v2/models/none/infer' };
  const statuses = await Promise.all(callers.map(async ({ name, token }) => [name, (await fetch(s.devnet.frontUrl + target.path, { method: 'POST', body: '{', headers: { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) } })).status]));
  expect(Object.fromEntries(statuses)).toMatchObject({
    anonymous: 401, wallet: 403, 'wallet without the scope': 403, 'key to read': 403, operator: 403, 'false operator': 401, 'service on the public port': 401, 'key to call': 400,
  });
});

test.each(definitions.filter(({ artifacts }) => artifacts === true).map(({ name }) => name))('files of %s are for known callers', async (name) => {
  for (const verb of ['GET', 'PUT']) expect(await callRest(s.devnet.frontUrl, { verb, path: `/${contextOf[name]}/v1/artifacts/${'ab'.repeat(32)}` }, undefined)).toMatchObject({ status: 401 });
  expect(ArtifactService.methods.length).toBeGreaterThan(0);
});
