// Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011), as core/philox.h: the same words for the same key and counter.

/** High 32 bits of a 32 x 32 bit product, by halves: no partial sum passes 2^32. */
function multiplyHigh(a: number, b: number): number {
  const [aHigh, aLow, bHigh, bLow] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + (middle >>> 16) + (carry >>> 16)) >>> 0;
}

/**
 * Four random 32-bit words as a pure function of key and counter: key = `seed` (two words, low first), counter =
 * (`index` low, `index` high, `stream`, `step`). `seed` and `index` are integers below 2^53, the others below 2^32.
 */
export function philox(
  seed: number,
  index: number,
  stream: number,
  step: number,
): [number, number, number, number] {
  let k0 = seed >>> 0;
  let k1 = Math.floor(seed / 2 ** 32);
  let c0 = index >>> 0;
  let c1 = Math.floor(index / 2 ** 32);
  let c2 = stream;
  let c3 = step;
  for (let round = 0; round < 10; round++) {
    const aHigh = multiplyHigh(0xd2511f53, c0);
    const aLow = Math.imul(0xd2511f53, c0) >>> 0;
    const bHigh = multiplyHigh(0xcd9e8d57, c2);
    const bLow = Math.imul(0xcd9e8d57, c2) >>> 0;
    [c0, c1, c2, c3] = [(bHigh ^ c1 ^ k0) >>> 0, bLow, (aHigh ^ c3 ^ k1) >>> 0, aLow];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}
