// Numbers of 16 bits, in f32, which holds each exactly.

/** Of bf16: the upper half of an f32. */
export function bf16Values(bits: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(bits, (code) => code << 16).buffer);
}

/** Of IEEE 754's half precision: 1 bit of sign, 5 of exponent, 10 of fraction. */
export function f16Values(bits: Uint16Array): Float32Array {
  return Float32Array.from(bits, (code) => {
    const [exponent, fraction] = [(code >>> 10) & 31, code & 1023];
    return (code & 0x8000 ? -1 : 1) * magnitude(exponent, fraction);
  });
}

function magnitude(exponent: number, fraction: number): number {
  if (exponent === 31) return fraction ? Number.NaN : Number.POSITIVE_INFINITY;
  return exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
}
