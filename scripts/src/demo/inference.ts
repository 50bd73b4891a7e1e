import { GRPCInferenceService } from '@skein/contracts/inference';
import type { Dataset } from '@skein/models';
import { withRetry, SkeinError } from '@skein/sdk';
import type { Actor } from './actor.js';
import { patience } from './persist.js';

/** What an answer says of its price. */
export interface Paid {
  readonly reservationId: string;
  readonly chargedUnits: string;
  readonly priceVersion: string;
  readonly probability: number;
}

/** An answer of the REST protocol that is no success: its status and sentence. */
export interface Refused {
  readonly status: number;
  readonly error: string;
}

/** The service is away, or it says itself that the same call is worth another try. */
const isPassing = ({ status, headers }: Response): boolean => status >= 500 || headers.has('retry-after');

interface RestAnswer {
  readonly parameters: Record<string, string>;
  readonly outputs: readonly { readonly data: readonly number[] }[];
}

const rowOf = (rows: Dataset, row: number): number[] => [...rows.features.subarray(row * rows.columns.length, (row + 1) * rows.columns.length)];

/** One paid call over `POST /v2/models/<name>/infer`; the same key may be sent again. */
export async function inferRest(actor: Actor, model: string, rows: Dataset, row: number, key: string, parameters: Record<string, string> = {}): Promise<Paid | Refused> {
  const body = JSON.stringify({ parameters, inputs: [{ name: 'x', datatype: 'FP32', shape: [1, rows.columns.length], data: rowOf(rows, row) }] });
  return withRetry(async () => {
    const response = await fetch(new URL(`/v2/models/${model}/infer`, actor.rest.baseUrl), { method: 'POST', headers: { ...actor.headers(), 'content-type': 'application/json', 'idempotency-key': key }, body });
    if (isPassing(response)) throw new SkeinError({ code: 'unavailable', message: await response.text(), retriable: true });
    if (!response.ok) return { status: response.status, error: ((await response.json()) as { error: string }).error };
    const { parameters: cost, outputs } = (await response.json()) as RestAnswer;
    return { reservationId: cost['reservation_id'] ?? '', chargedUnits: cost['charged_units'] ?? '', priceVersion: cost['price_version'] ?? '', probability: outputs[0]?.data[0] ?? Number.NaN };
  }, patience);
}

/** The same over gRPC `ModelInfer`, with raw tensors in and out. */
export async function inferGrpc(actor: Actor, model: string, rows: Dataset, row: number, key: string): Promise<Paid> {
  const raw = new Uint8Array(Float32Array.from(rowOf(rows, row)).buffer);
  const inputs = [{ name: 'x', datatype: 'FP32', shape: [1n, BigInt(rows.columns.length)] }];
  const answer = await actor.client(GRPCInferenceService, 'marketplace').modelInfer({ modelName: model, inputs, rawInputContents: [raw] }, { headers: { 'idempotency-key': key } });
  const text = (name: string): string => String(answer.parameters[name]?.parameterChoice.value ?? '');
  const [output] = answer.rawOutputContents;
  if (output === undefined) throw new Error('ModelInfer answered without raw outputs');
  return { reservationId: text('reservation_id'), chargedUnits: text('charged_units'), priceVersion: text('price_version'), probability: new DataView(output.buffer, output.byteOffset).getFloat32(0, true) };
}
