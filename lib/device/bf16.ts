// bf16 on the host: an f32 without its lower 16 bits, kept as a bit pattern in a Uint16Array.

import { DTypeError, describe } from "../errors.js";
import { bf16Values } from "../halves.js";

/** The bits of an f32, rounded to the nearest bf16, ties to even. Infinity stays, NaN stays NaN: as the devices round. */
function round(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** f32 values as bf16 bit patterns, rounded to the nearest, ties to even: what `device.from` and `buffer.write` take. */
export function toBF16(values: Float32Array): Uint16Array {
  if (!(values instanceof Float32Array)) {
    throw new DTypeError({ argument: "toBF16: 'values'", got: describe(values), accepted: "a Float32Array" });
  }
  return Uint16Array.from(new Uint32Array(values.buffer, values.byteOffset, values.length), round);
}

/** The values of bf16 bit patterns, exactly. */
export function fromBF16(bits: Uint16Array): Float32Array {
  if (!(bits instanceof Uint16Array)) {
    throw new DTypeError({ argument: "fromBF16: 'bits'", got: describe(bits), accepted: "a Uint16Array" });
  }
  return bf16Values(bits);
}
