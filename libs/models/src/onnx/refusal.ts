import { RejectionError } from '@skein/kernel';

/** Refuses the model that is being read; `parseOnnx` and `admit` turn it into a `Result`. */
export function refuse(rule: string, message: string): never {
  throw new RejectionError({ code: 'invalid-argument', rule, message, field: 'model' });
}

/** Refuses bytes that are not a readable ONNX protobuf. */
export const malformed = (message: string): never => refuse('valid-protobuf', message);
