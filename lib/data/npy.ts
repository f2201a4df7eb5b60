// NumPy's .npy (numpy/lib/format.py, NEP 1): "\x93NUMPY", a version, the length of the header, the header, then the values.
// Read are versions 1 to 3, little-endian and in C order; written is version 1, or 2 for a header that 1 cannot hold.

import { checkChoice, checkInteger } from "../check.js";
import { ArgumentError, DataError, DTypeError, describe, ShapeError } from "../errors.js";
import type { Column } from "./column.js";
import { type ColumnType, numbersOf } from "./convert.js";
import { readBytes, writeFileAtomically } from "./files.js";
import { type NpyHeader, parseNpyHeader } from "./npy-header.js";

interface Arrays {
  readonly f4: Float32Array;
  readonly f8: Float64Array;
  readonly i4: Int32Array;
  readonly i8: BigInt64Array;
  readonly u1: Uint8Array;
  readonly b1: Uint8Array;
}

/** Element types: f32, f64, i32, i64, u8 and booleans (a byte each, 0 or 1), by NumPy's names. */
export type NpyDType = keyof Arrays;

/** An array, the last dimension running fastest; a scalar has the shape []. */
export type NpyArray = {
  [D in NpyDType]: { readonly dtype: D; readonly shape: readonly number[]; readonly data: Arrays[D] };
}[NpyDType];

const TYPES: { readonly [D in NpyDType]: { descr: string; array: ArrayOf<Arrays[D]> } } = {
  f4: { descr: "<f4", array: Float32Array },
  f8: { descr: "<f8", array: Float64Array },
  i4: { descr: "<i4", array: Int32Array },
  i8: { descr: "<i8", array: BigInt64Array },
  u1: { descr: "|u1", array: Uint8Array },
  b1: { descr: "|b1", array: Uint8Array },
};
const DTYPES = Object.keys(TYPES) as NpyDType[];
const ACCEPTED = "little-endian f4, f8, i4, i8, u1 or bool";

interface ArrayOf<A> {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): A;
  readonly BYTES_PER_ELEMENT: number;
  readonly name: string;
}

const MAGIC = Buffer.from("\x93NUMPY", "latin1");
/** NumPy refuses headers above 10,000 characters by default; those of arrays without fields are far smaller. */
const MAX_HEADER = 65_536;
const MAX_RANK = 64; // of NumPy 2

/**
 * Reads a .npy file, plain or gzipped.
 * @throws DataError (rejects) as `decodeNpy`, and for a file that cannot be read.
 */
export async function readNpy(path: string): Promise<NpyArray> {
  return decodeNpy(await readBytes(path), path);
}

/**
 * Writes a .npy file, atomically.
 * @throws ArgumentError, DTypeError or ShapeError (rejects) as `encodeNpy`; DataError if it cannot be written.
 */
export async function writeNpy(path: string, array: NpyArray): Promise<void> {
  await writeFileAtomically(path, encodeNpy(array));
}

/**
 * Encodes an array as the chunks of a file: the header, then the array's own memory, uncopied.
 * @throws DTypeError for data that do not fit the dtype, ShapeError for a number of values that does not fit the shape.
 */
export function encodeNpy({ dtype, shape, data }: NpyArray): Uint8Array[] {
  const { descr, array } = TYPES[checkChoice("encodeNpy: 'dtype'", dtype, DTYPES)];
  if (!(data instanceof array)) {
    throw new DTypeError({ argument: "encodeNpy: 'data'", got: describe(data), accepted: `a ${array.name}` });
  }
  if (!Array.isArray(shape) || shape.length > MAX_RANK) {
    const accepted = `an array of ${MAX_RANK} dimensions at most`;
    throw new ArgumentError({ argument: "encodeNpy: 'shape'", got: describe(shape), accepted });
  }
  for (const dimension of shape) checkInteger("encodeNpy: 'shape'", dimension, 0);
  const length = lengthOf(shape);
  if (length !== data.length) {
    const accepted = `${length} values for the shape [${shape.join(", ")}]`;
    throw new ShapeError({ argument: "encodeNpy: 'data'", got: `${data.length} values`, accepted });
  }
  if (dtype === "b1" && !(data as Uint8Array).every((value) => value <= 1)) {
    throw new ArgumentError({ argument: "encodeNpy: 'data'", got: "a byte above 1", accepted: "0 or 1" });
  }
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  // Spaces and a line end bring the values to a multiple of 64, for those who map the file into memory. 64 dimensions of
  // 16 digits stay far below the 65,535 characters of version 1.
  const header = Buffer.alloc(64 * Math.ceil((10 + text.length + 1) / 64), " ");
  MAGIC.copy(header);
  header.set([1, 0], 6);
  header.writeUInt16LE(header.length - 10, 8);
  header.write(text, 10, "latin1");
  header.write("\n", header.length - 1, "latin1");
  return [header, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];
}

/**
 * Decodes the bytes of a .npy file. The array is a view of `bytes` where the alignment allows it, else a copy.
 *
 * @param name Where the bytes came from, for messages.
 * @throws DataError for anything that is no .npy file of version 1 to 3, Fortran order, an element type that is not
 *   little-endian f4, f8, i4, i8, u1 or bool, or a length other than the header tells.
 */
export function decodeNpy(bytes: Uint8Array, name = "npy data"): NpyArray {
  const { dtype, shape, start } = npyLayout(bytes, bytes.length, name);
  const data = npyValues(dtype, bytes.subarray(start), (value) => `${name}, value ${value}`);
  return { dtype, shape, data } as NpyArray;
}

/** Where the values of a .npy file are, and what. */
export interface NpyLayout {
  readonly dtype: NpyDType;
  readonly shape: readonly number[];
  /** The byte at which they start. */
  readonly start: number;
}

/** Bytes from the start of a .npy file that hold its header, whatever the file. */
export const NPY_HEAD = 12 + MAX_HEADER;

/**
 * Reads the header of a .npy file of `size` bytes from its beginning.
 * @throws DataError as `decodeNpy`, but for values of booleans.
 */
export function npyLayout(head: Uint8Array, size: number, name: string): NpyLayout {
  const { header, start } = headerOf(head, name);
  const { fortranOrder, shape } = header;
  const dtype = dtypeOf(header, name);
  if (fortranOrder) {
    const accepted = "C order: numpy.save(path, numpy.ascontiguousarray(a))";
    throw new DataError({ argument: name, got: "an array in Fortran order", accepted });
  }
  if (shape.length > MAX_RANK) {
    throw new DataError({
      argument: name,
      got: `${shape.length} dimensions`,
      accepted: `${MAX_RANK} at most`,
    });
  }
  const [own, expected] = [size - start, lengthOf(shape) * npyBytes(dtype)];
  if (own !== expected) {
    const cut = own < expected ? " (cut short?)" : "";
    const accepted = `${expected} bytes for the shape (${shape.join(", ")})`;
    throw new DataError({ argument: name, got: `${own} bytes of values${cut}`, accepted });
  }
  return { dtype, shape, start };
}

/** Bytes of a value. */
export const npyBytes = (dtype: NpyDType): number => TYPES[dtype].array.BYTES_PER_ELEMENT;

/** Values as they lie in a file: a view of the bytes where the alignment allows it. @throws DataError for wrong booleans */
export function npyValues(
  dtype: NpyDType,
  bytes: Uint8Array,
  place: (value: number) => string,
): NpyArray["data"] {
  if (dtype === "b1") {
    const wrong = bytes.findIndex((value) => value > 1);
    if (wrong >= 0) {
      throw new DataError({ argument: place(wrong), got: `${bytes[wrong]}`, accepted: "0 or 1" });
    }
  }
  const size = npyBytes(dtype);
  const { buffer, byteOffset } = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return new TYPES[dtype].array(buffer, byteOffset, bytes.length / size);
}

/**
 * The array as a column of a dataset, its first dimension counting the examples: f4 and f8 as f32, i4 and i8 as i32, u1
 * and bool as u8.
 * @throws DataError for a value that is not finite or out of the range of the type, ShapeError for a scalar, or an empty
 *   example.
 */
export function npyColumn({ data, shape, dtype }: NpyArray, name = "npy data"): Column {
  const [, ...example] = shape;
  if (shape.length === 0 || example.includes(0)) {
    const accepted = "examples first, then dimensions of 1 or more";
    throw new ShapeError({ argument: name, got: `the shape [${shape.join(", ")}]`, accepted });
  }
  return {
    data: numbersOf(npyColumnType(dtype), data, (index) => `${name}, value ${index}`),
    shape: example,
  };
}

/** The element type of the column that an array becomes. */
export function npyColumnType(dtype: NpyDType): ColumnType {
  return dtype.startsWith("f") ? "f32" : dtype.startsWith("i") ? "i32" : "u8";
}

const lengthOf = (shape: readonly number[]): number => shape.reduce((product, d) => product * d, 1);

function headerOf(bytes: Uint8Array, name: string): { header: NpyHeader; start: number } {
  const fail = (got: string, accepted: string): DataError => new DataError({ argument: name, got, accepted });
  if (bytes.length < 10) throw fail(`${bytes.length} bytes`, "a .npy file, which has at least 10 bytes");
  if (!MAGIC.equals(bytes.subarray(0, 6))) {
    const magic = Buffer.from(bytes.subarray(0, 6)).toString("hex");
    throw fail(`the magic string 0x${magic}`, `0x${MAGIC.toString("hex")}, "\\x93NUMPY"`);
  }
  const [major, minor] = [bytes[6] as number, bytes[7] as number];
  if (major < 1 || major > 3 || minor !== 0) throw fail(`version ${major}.${minor}`, "1.0, 2.0 or 3.0");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = major === 1 ? 10 : 12;
  if (bytes.length < first) throw fail(`${bytes.length} bytes`, "a header (cut short?)");
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER || length > bytes.length - first) {
    const most = Math.min(MAX_HEADER, bytes.length - first);
    throw fail(`a header length of ${length} bytes`, `${most} bytes at most in a file of ${bytes.length}`);
  }
  const start = first + length;
  const text = Buffer.from(bytes.subarray(first, start)).toString(major === 3 ? "utf8" : "latin1");
  return { header: parseNpyHeader(text, name), start };
}

function dtypeOf({ descr }: NpyHeader, name: string): NpyDType {
  const byteless = descr?.replace(/^[<|=](?=[ub]1$)/, "|"); // byte order says nothing of a single byte
  const dtype = DTYPES.find((candidate) => TYPES[candidate].descr === byteless);
  if (dtype !== undefined) return dtype;
  const got = descr === undefined ? "a structured type" : `the type ${describe(descr)}`;
  const hint = descr?.startsWith(">") ? "; numpy: a.astype(a.dtype.newbyteorder('<'))" : "";
  throw new DataError({ argument: name, got, accepted: `${ACCEPTED}${hint}` });
}
