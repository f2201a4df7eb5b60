// IDX, the format of MNIST (LeCun, Cortes, Burges): big-endian; two zero bytes, a byte of type, a byte of rank, a
// u32 per dimension, then the values with the last dimension running fastest.

import { DataError } from "../errors.js";
import { type ColumnData, lengthOf } from "./column.js";
import { COLUMN_ARRAYS, type ColumnType } from "./convert.js";
import { readBytes } from "./files.js";

/** The array of an IDX file. */
export interface IdxArray {
  readonly data: ColumnData;
  /** The dimensions of the whole array, examples first. */
  readonly shape: readonly number[];
}

const CODES: Readonly<Record<number, ColumnType>> = { 8: "u8", 12: "i32", 13: "f32" };

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
  const { type, shape, start } = idxLayout(bytes, bytes.length, name);
  return { data: idxValues(type, bytes.subarray(start)), shape };
}

/** Where the values of an IDX file are, and what. */
export interface IdxLayout {
  readonly type: ColumnType;
  readonly shape: readonly number[];
  /** The byte at which they start. */
  readonly start: number;
}

/** Bytes from the start of an IDX file that hold its header, whatever the file. */
export const IDX_HEAD = 4 + 4 * 255;

/** Reads the header of an IDX file of `size` bytes from its beginning. @throws DataError as `decodeIdx` */
export function idxLayout(head: Uint8Array, size: number, name: string): IdxLayout {
  const fail = (got: string, accepted: string): DataError => new DataError({ argument: name, got, accepted });
  const [zero0, zero1, code, rank] = head;
  if (zero0 === undefined || zero1 === undefined || code === undefined || rank === undefined) {
    throw fail(`${size} bytes`, "an IDX file, which has at least 4 bytes");
  }
  const type = CODES[code];
  if (zero0 !== 0 || zero1 !== 0 || type === undefined) {
    const magic = Buffer.from(head.subarray(0, 4)).toString("hex");
    throw fail(
      `the magic number 0x${magic}`,
      "0x000008nn (u8), 0x00000cnn (i32) or 0x00000dnn (f32), nn dimensions",
    );
  }
  const start = 4 + 4 * rank;
  if (head.length < start) throw fail(`${size} bytes`, `a header of ${start} bytes for ${rank} dimensions`);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const end = start + lengthOf(shape) * COLUMN_ARRAYS[type].BYTES_PER_ELEMENT;
  if (size !== end) {
    const cut = size < end ? " (cut short?)" : "";
    throw fail(`${size} bytes${cut}`, `${end} bytes for the dimensions ${shape.join(" x ")}`);
  }
  return { type, shape, start };
}

/** Values as they lie in a file: big-endian. Those of u8 share the memory. */
export function idxValues(type: ColumnType, bytes: Uint8Array): ColumnData {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length / COLUMN_ARRAYS[type].BYTES_PER_ELEMENT;
  if (type === "u8") return bytes.subarray(0, length);
  if (type === "i32") return Int32Array.from({ length }, (_, i) => view.getInt32(4 * i));
  return Float32Array.from({ length }, (_, i) => view.getFloat32(4 * i));
}
