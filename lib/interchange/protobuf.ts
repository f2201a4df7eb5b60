// Protocol Buffers' wire format, as far as writing messages needs it (protobuf.dev/programming-guides/encoding).

import { endianness } from "node:os";

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

/** Whole numbers as base-128 digits, the lowest first; negative ones as 64-bit two's complement. */
function varint(value: number | bigint): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const digits: number[] = [];
  do {
    digits.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Uint8Array.from(digits);
}

/** A message, field by field in the order of the calls. Chunks are kept as they are: large contents are not copied. */
export class Message {
  readonly chunks: Uint8Array[] = [];
  #length = 0;

  /** Bytes of the message. */
  get length(): number {
    return this.#length;
  }

  #push(...chunks: readonly Uint8Array[]): this {
    for (const chunk of chunks) {
      this.chunks.push(chunk);
      this.#length += chunk.length;
    }
    return this;
  }

  #key(field: number, type: number): this {
    return this.#push(varint(field * 8 + type));
  }

  /** int32, int64 and enums. */
  integer(field: number, value: number | bigint): this {
    return this.#key(field, VARINT).#push(varint(value));
  }

  /** A repeated int64, packed. */
  integers(field: number, values: readonly number[]): this {
    return this.bytes(field, Buffer.concat(values.map(varint)));
  }

  float(field: number, value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeFloatLE(value);
    return this.#key(field, FIXED32).#push(bytes);
  }

  double(field: number, value: number): this {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    return this.#key(field, FIXED64).#push(bytes);
  }

  string(field: number, value: string): this {
    return this.bytes(field, Buffer.from(value, "utf8"));
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#key(field, LENGTH).#push(varint(value.length), value);
  }

  message(field: number, value: Message): this {
    return this.#key(field, LENGTH).#push(varint(value.length), ...value.chunks);
  }
}

/** The memory of numbers as little-endian bytes, which is what files hold. */
export function littleEndian(data: Float32Array | Int32Array | BigInt64Array): Uint8Array {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (endianness() === "LE") return bytes;
  const swapped = Buffer.from(bytes);
  return data.BYTES_PER_ELEMENT === 8 ? swapped.swap64() : swapped.swap32();
}
