import { utf8 } from '@skein/kernel';
import { joinBytes } from './join-bytes.js';

/** Builds one protobuf message field by field, in the order of the calls. */
export class WireWriter {
  readonly #parts: Uint8Array[] = [];

  /** A varint field (negative numbers as 64-bit two's complement). */
  int(field: number, value: number | bigint): this {
    this.#parts.push(varint(BigInt(field) << 3n), varint(BigInt.asUintN(64, BigInt(value))));
    return this;
  }

  /** A length-delimited field of raw bytes. */
  bytes(field: number, value: Uint8Array): this {
    this.#parts.push(varint((BigInt(field) << 3n) | 2n), varint(BigInt(value.length)), value);
    return this;
  }

  /** A length-delimited field of UTF-8 text. */
  text(field: number, value: string): this {
    return this.bytes(field, utf8(value));
  }

  /** A nested message. */
  message(field: number, value: WireWriter): this {
    return this.bytes(field, value.finish());
  }

  /** A 32-bit float field. */
  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    this.#parts.push(varint((BigInt(field) << 3n) | 5n), bytes);
    return this;
  }

  /** The message's bytes. */
  finish(): Uint8Array {
    return joinBytes(this.#parts);
  }
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
