// safetensors (https://github.com/huggingface/safetensors): a u64 little-endian header length, a JSON header (per tensor
// dtype, shape and data_offsets; "__metadata__" for strings), then the values, little-endian, without gaps.

import { checkChoice, checkInteger } from "../check.js";
import { ArgumentError, DataError, DTypeError, describe, ShapeError } from "../errors.js";
import { bf16Values, f16Values } from "../halves.js";
import { type HeaderEntry, parseHeader } from "./safetensors-header.js";

/** In the order in which values are laid out: by alignment, so that every tensor starts at a multiple of its size. */
const ARRAYS = { F64: Float64Array, F32: Float32Array, I32: Int32Array, U8: Uint8Array } as const;
const DTYPES = ["F64", "F32", "I32", "U8"] as const;

/** The element types of tensors in memory, which are those that adastep writes. */
export type SafetensorsDType = (typeof DTYPES)[number];

interface Arrays {
  readonly F64: Float64Array;
  readonly F32: Float32Array;
  readonly I32: Int32Array;
  readonly U8: Uint8Array;
}

/** How the elements of a type in files come into memory: as what, of how many bytes each, and by which view of the file's. */
interface Reading {
  readonly dtype: SafetensorsDType;
  readonly size: number;
  readonly read: (...view: [ArrayBufferLike, number, number]) => Arrays[SafetensorsDType];
}

/** By type in files. What has no array of its own comes in one that holds its values exactly. */
const READINGS: ReadonlyMap<string, Reading> = new Map<string, Reading>([
  ["F64", { dtype: "F64", size: 8, read: (...view) => new Float64Array(...view) }],
  ["F32", { dtype: "F32", size: 4, read: (...view) => new Float32Array(...view) }],
  ["I32", { dtype: "I32", size: 4, read: (...view) => new Int32Array(...view) }],
  ["U8", { dtype: "U8", size: 1, read: (...view) => new Uint8Array(...view) }],
  ["BF16", { dtype: "F32", size: 2, read: (...view) => bf16Values(new Uint16Array(...view)) }],
  ["F16", { dtype: "F32", size: 2, read: (...view) => f16Values(new Uint16Array(...view)) }],
  [
    "I64",
    { dtype: "F64", size: 8, read: (...view) => Float64Array.from(new BigInt64Array(...view), Number) },
  ],
]);

/** One tensor: values in row-major order, as many as the product of `shape`; a scalar has the shape []. */
export type SafetensorsTensor = {
  [D in SafetensorsDType]: {
    readonly dtype: D;
    readonly shape: readonly number[];
    readonly data: Arrays[D];
  };
}[SafetensorsDType];

/** The content of a file; both records have no prototype, so any name is safe in them. */
export interface SafetensorsFile {
  readonly tensors: Readonly<Record<string, SafetensorsTensor>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What lies where in a file. */
export interface SafetensorsLayout {
  readonly entries: readonly (readonly [name: string, entry: HeaderEntry])[];
  readonly metadata: ReadonlyMap<string, string>;
  readonly data: Uint8Array;
}

/** The largest header of the reference implementation, in bytes. */
const MAX_HEADER = 100_000_000;

/**
 * Encodes tensors as the chunks of a file, in order: the header, then each tensor's own memory, uncopied. Tensors lie
 * in the order of the reference implementation, by dtype (F64, F32, I32, U8), then by the UTF-8 bytes of their names.
 *
 * @throws DTypeError or ShapeError for data that do not fit dtype or shape.
 * @throws ArgumentError for a name or metadata that the format cannot hold.
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, SafetensorsTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const sorted = Object.entries(tensors).map(([name, tensor]) => {
    checkTensor(name, tensor);
    return { name, tensor, key: Buffer.from(name), rank: DTYPES.indexOf(tensor.dtype) };
  });
  sorted.sort((a, b) => a.rank - b.rank || Buffer.compare(a.key, b.key));

  const members: string[] = [];
  const pairs = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const pair of pairs) for (const text of pair) checkText("encodeSafetensors: 'metadata'", text);
  if (pairs.length > 0)
    members.push(`"__metadata__":{${pairs.map((pair) => pair.map(json).join(":")).join(",")}}`);
  let offset = 0;
  for (const { name, tensor } of sorted) {
    const { dtype, shape, data } = tensor;
    const end = offset + data.byteLength;
    members.push(`${json(name)}:${json({ dtype, shape, data_offsets: [offset, end] })}`);
    offset = end;
  }

  const text = Buffer.from(`{${members.join(",")}}`);
  const header = Buffer.alloc(8 + 8 * Math.ceil(text.length / 8), " ");
  header.writeBigUInt64LE(BigInt(header.length - 8), 0);
  text.copy(header, 8);
  const values = sorted.map(
    ({ tensor: { data } }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  );
  return [header, ...values];
}

/**
 * Decodes the bytes of a file. Arrays are views of `bytes` where type and alignment allow it, else copies: BF16 and F16 are given
 * as F32, I64 as F64.
 *
 * @param name Where the bytes came from, for messages.
 * @throws DataError for anything that the format forbids: a header that is too long, no UTF-8, no JSON of the format's
 *   form, or has a key twice; offsets that overlap, leave a gap, leave the file, or do not fit dtype and shape. And for another
 *   dtype than F64, F32, I32, U8, BF16, F16 and I64, or an I64 beyond 2^53.
 */
export function decodeSafetensors(bytes: Uint8Array, name = "safetensors data"): SafetensorsFile {
  const { entries, metadata, data } = layoutOf(bytes, name);
  const tensors: Record<string, SafetensorsTensor> = Object.create(null);
  for (const [key, entry] of entries) tensors[key] = tensorOf(key, entry, data, name);
  return { tensors, metadata: Object.assign(Object.create(null), Object.fromEntries(metadata)) };
}

/** What lies where in a file, whatever the types of its tensors: entries in the order of their bytes, which fill `data`. */
export function layoutOf(bytes: Uint8Array, name: string): SafetensorsLayout {
  const fail = (got: string, accepted: string): DataError => new DataError({ argument: name, got, accepted });
  if (bytes.length < 8) throw fail(`${bytes.length} bytes`, "a safetensors file, which has at least 8 bytes");
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (length > MAX_HEADER || length > bytes.length - 8) {
    const most = Math.min(MAX_HEADER, bytes.length - 8);
    throw fail(`a header length of ${length} bytes`, `${most} bytes at most in a file of ${bytes.length}`);
  }
  const { entries, metadata } = parseHeader(textOf(bytes.subarray(8, 8 + length), name), name);

  const data = bytes.subarray(8 + length);
  const sorted = [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let offset = 0;
  for (const [key, entry] of sorted) {
    if (entry.begin !== offset) {
      const got = `data_offsets of ${describe(key)} that begin at ${entry.begin}`;
      throw fail(got, `${offset}, where the tensor before ends: no gap, no overlap`);
    }
    checkSize(key, entry, data, name);
    offset = entry.end;
  }
  if (offset !== data.length) {
    throw fail(`${data.length} bytes after the header`, `${offset}, where the last tensor ends`);
  }
  return { entries: sorted, metadata, data };
}

/** Where the type is known, so is the size; where not, the tensor lies in the file at least. */
function checkSize(
  key: string,
  { dtype, shape, begin, end }: HeaderEntry,
  data: Uint8Array,
  name: string,
): void {
  const size = READINGS.get(dtype)?.size;
  const bytes =
    size === undefined ? end - begin : shape.reduce((product, dimension) => product * dimension, size);
  if (end - begin === bytes && begin <= end && end <= data.length) return;
  const got = `data_offsets [${begin}, ${end}] of ${data.length} bytes`;
  const accepted =
    size === undefined ? "bytes of the file" : `${bytes} bytes for ${dtype} of shape [${shape.join(", ")}]`;
  throw new DataError({ argument: `${name}, tensor ${describe(key)}`, got, accepted });
}

/** Of an entry whose size was checked. */
function tensorOf(
  key: string,
  { dtype, shape, begin, end }: HeaderEntry,
  data: Uint8Array,
  name: string,
): SafetensorsTensor {
  const argument = `${name}, tensor ${describe(key)}`;
  const reading = READINGS.get(dtype);
  if (!reading) {
    const accepted = [...READINGS.keys()].join(", ");
    throw new DataError({ argument, got: `dtype ${describe(dtype)}`, accepted });
  }
  const { size, read } = reading;
  const own = data.subarray(begin, end);
  const { buffer, byteOffset } = own.byteOffset % size === 0 ? own : new Uint8Array(own);
  const values = read(buffer, byteOffset, own.length / size);
  if (dtype === "I64" && !values.every(Number.isSafeInteger)) {
    throw new DataError({ argument, got: "an I64 beyond 2^53", accepted: "integers that a number holds" });
  }
  return { dtype: reading.dtype, shape, data: values } as SafetensorsTensor;
}

function textOf(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new DataError({ argument: name, got: "a header that is no UTF-8", accepted: "UTF-8" }, { cause });
  }
}

function checkTensor(name: string, { dtype, shape, data }: SafetensorsTensor): void {
  const argument = `encodeSafetensors: tensor ${describe(name)}`;
  checkText("encodeSafetensors: name", name);
  if (name === "__metadata__") {
    throw new ArgumentError({
      argument: "encodeSafetensors: name",
      got: describe(name),
      accepted: "another name",
    });
  }
  const array = ARRAYS[checkChoice(`${argument}, dtype`, dtype, DTYPES)];
  if (!(data instanceof array)) {
    throw new DTypeError({ argument, got: describe(data), accepted: `a ${array.name} for dtype ${dtype}` });
  }
  for (const dimension of shape) checkInteger(`${argument}, shape`, dimension, 0);
  const length = shape.reduce((product, dimension) => product * dimension, 1);
  if (length !== data.length) {
    const accepted = `${length} values for the shape [${shape.join(", ")}]`;
    throw new ShapeError({ argument, got: `${data.length} values`, accepted });
  }
}

/** Lone surrogates have no UTF-8, and other readers reject them. */
function checkText(argument: string, text: unknown): void {
  if (typeof text === "string" && !/\p{Surrogate}/u.test(text)) return;
  throw new ArgumentError({
    argument,
    got: describe(text),
    accepted: "a string of whole Unicode characters",
  });
}

const json = (value: unknown): string => JSON.stringify(value);
