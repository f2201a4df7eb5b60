// CRC-32C (Castagnoli; RFC 3720, section 12.1): the checksum of records that TensorFlow's tools read.

const POLYNOMIAL = 0x82f63b78; // reflected

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ POLYNOMIAL : rest >>> 1;
  return rest;
});

/** The checksum of bytes, given in chunks. */
export function crc32c(...chunks: readonly Uint8Array[]): number {
  let crc = 0xffffffff;
  for (const chunk of chunks) {
    for (const byte of chunk) crc = (TABLE[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** The checksum as records hold it: turned by 15 bits and shifted, so that a checksum of checksums is none of them. */
export function maskedCrc32c(...chunks: readonly Uint8Array[]): number {
  const crc = crc32c(...chunks);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
