import { createHmac } from 'node:crypto';
import type { Clock } from '@skein/kernel';
import type { Identity } from '../identity.js';
import { equalSecret, sha256Text, unauthenticated } from './credentials.js';

/** Life of a service token; a client makes a new one when half of it is over. */
export const SERVICE_TOKEN_MS = 5 * 60_000;
const SKEW_MS = 60_000;

interface Claims {
  readonly kid: string;
  readonly caller: string;
  readonly audience: string;
  readonly expiresAtMs: number;
}

const kidOf = (secret: string): string => sha256Text(`skein/service-token/${secret}`).slice(0, 8);
const macOf = (secret: string, body: string): string => createHmac('sha256', secret).update(`skein/service-token/v1\0${body}`).digest('base64url');

/** Makes `svc.<claims>.<mac>`: who calls whom, until when, under which key. */
export function issueServiceToken(secret: string, caller: string, audience: string, nowMs: number): string {
  const claims: Claims = { kid: kidOf(secret), caller, audience, expiresAtMs: nowMs + SERVICE_TOKEN_MS };
  const body = Buffer.from(JSON.stringify(claims)).toString('base64url');
  return `svc.${body}.${macOf(secret, body)}`;
}

function parseClaims(body: string): Partial<Claims> {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'));
    return typeof parsed === 'object' && parsed !== null ? parsed : {};
  } catch {
    return {};
  }
}

/** The calling service; rules `service-token-signature`, `-audience`, `-expired`. */
export function verifyServiceToken(secret: string, audience: string, token: string, clock: Clock): Identity {
  const [, body = '', mac = '', ...rest] = token.split('.');
  if (rest.length > 0 || !equalSecret(mac, macOf(secret, body))) throw unauthenticated('service-token-signature', 'the service token is not ours');
  const claims = parseClaims(body);
  if (claims.audience !== audience) throw unauthenticated('service-token-audience', 'the service token is for another service');
  if (typeof claims.expiresAtMs !== 'number' || clock.nowMs() > claims.expiresAtMs + SKEW_MS) throw unauthenticated('service-token-expired', 'the service token has expired');
  return { kind: 'service', service: String(claims.caller) };
}
