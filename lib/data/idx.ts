// IDX, the format of MNIST (LeCun, Cortes, Burges): big-endian; two zero bytes, a byte of type, a byte of rank, a
// u32 per dimension, then the values with the last dimension running fastest.

import { DataError } from "../errors.js";
import type { ColumnData } from "./column.js";
import { readBytes } from "./files.js";

/** The array of an IDX file. */
export interface IdxArray {
  readonly data: ColumnData;
  /** The dimensions of the whole array, examples first. */
  readonly shape: readonly number[];
}

const TYPES: Readonly<
  Record<number, { bytes: number; read: (view: DataView, length: number) => ColumnData }>
> = {
  8: {
    bytes: 1,
    read: (view, length) => new Uint8Array(view.buffer, view.byteOffset, length),
  },
  12: {
    bytes: 4,
    read: (view, length) => Int32Array.from({ length }, (_, i) => view.getInt32(4 * i)),
  },
  13: {
    bytes: 4,
    read: (view, length) => Float32Array.from({ length }, (_, i) => view.getFloat32(4 * i)),
  },
};

/**
 * Reads an IDX file, plain or gzipped, of u8, i32 or f32 values.
 * @param hint What to do about a missing file, for the message.
 * @throws DataError (rejects) as `decodeIdx` and `readBytes`.
 */
export async function readIdx(path: string, hint?: string): Promise<IdxArray> {
  return decodeIdx(await readBytes(path, hint), path);
}

/**
 * Decodes the bytes of an IDX file; u8 values share their memory.
 * @param name Where the bytes came from, for messages.
 * @throws DataError for a wrong magic number, another element type, or a length other than the header tells.
 */
export function decodeIdx(bytes: Uint8Array, name = "IDX data"): IdxArray {
  const fail = (got: string, accepted: string): DataError => new DataError({ argument: name, got, accepted });
  const [zero0, zero1, code, rank] = bytes;
  if (zero0 === undefined || zero1 === undefined || code === undefined || rank === undefined) {
    throw fail(`${bytes.length} bytes`, "an IDX file, which has at least 4 bytes");
  }
  const type = TYPES[code];
  if (zero0 !== 0 || zero1 !== 0 || type === undefined) {
    const magic = Buffer.from(bytes.subarray(0, 4)).toString("hex");
    throw fail(
      `the magic number 0x${magic}`,
      "0x000008nn (u8), 0x00000cnn (i32) or 0x00000dnn (f32), nn dimensions",
    );
  }
  const header = 4 + 4 * rank;
  if (bytes.length < header) {
    throw fail(`${bytes.length} bytes`, `a header of ${header} bytes for ${rank} dimensions`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const length = shape.reduce((product, dimension) => product * dimension, 1);
  if (bytes.length !== header + length * type.bytes) {
    throw fail(
      `${bytes.length} bytes${bytes.length < header + length * type.bytes ? " (cut short?)" : ""}`,
      `${header + length * type.bytes} bytes for the dimensions ${shape.join(" x ")}`,
    );
  }
  return { data: type.read(new DataView(bytes.buffer, bytes.byteOffset + header), length), shape };
}
