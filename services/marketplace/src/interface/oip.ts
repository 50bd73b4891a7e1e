import { reject, unwrap } from '@skein/kernel';
import type { InferenceAnswer } from '../application/inference.js';

/** How this server names itself to clients of the protocol. */
export const SERVER = { name: 'skein-marketplace', version: '1', platform: 'onnx_onnxruntime', extensions: ['binary_tensor_data'] } as const;

/** `max_price` as protocols carry it: decimal base units of USD (10^-9), as text or number. */
export function readMaxPrice(value: unknown): bigint | undefined {
  if (value === undefined || value === '') return undefined;
  const text = typeof value === 'string' || typeof value === 'bigint' || Number.isSafeInteger(value) ? String(value) : '';
  if (/^\d{1,30}$/.test(text)) return BigInt(text);
  return unwrap(reject('invalid-argument', 'format', 'max_price is a whole number of USD base units (10^-9)', 'max_price'));
}

/** What an answer says of its price, as parameters and headers. */
export const costOf = (answer: InferenceAnswer): Record<string, string> => ({
  charged_units: String(answer.gross),
  charged_asset: 'USD',
  price_version: String(answer.priceVersion),
  unit_price_e15: String(answer.unitPriceE15),
  rows: String(answer.rows),
  reservation_id: answer.reservationId,
});
