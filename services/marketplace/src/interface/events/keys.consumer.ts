import { ApiKeyCreatedSchema, ApiKeyRevokedSchema } from '@skein/contracts/billing';
import { onMessage, type MessageHandler } from '@skein/messaging';
import type { KeyCopy } from '../../infrastructure/key-copy.js';

const topic = 'billing.entitlement.v1';

/** API keys, so that callers are checked without asking billing. */
export const keyHandlers = (copy: KeyCopy): readonly MessageHandler[] => [
  onMessage({ topic, type: 'skein.billing.customer.api-key-created.v1', schema: ApiKeyCreatedSchema, handle: (key, { inbox }) => copy.created(inbox, key) }),
  onMessage({ topic, type: 'skein.billing.customer.api-key-revoked.v1', schema: ApiKeyRevokedSchema, handle: ({ prefix }, { inbox }) => copy.revoked(inbox, prefix) }),
];
