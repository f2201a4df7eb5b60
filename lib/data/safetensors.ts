// safetensors (https://github.com/huggingface/safetensors): a u64 little-endian header length, a JSON header (per tensor
// dtype, shape and data_offsets; "__metadata__" for strings), then the values, little-endian, without gaps.

import { checkChoice, checkInteger } from "../check.js";
import { ArgumentError, DataError, DTypeError, describe, ShapeError } from "../errors.js";
import { type HeaderEntry, parseHeader } from "./safetensors-header.js";

/** In the order in which values are laid out: by alignment, so that every tensor starts at a multiple of its size. */
const ARRAYS = { F64: Float64Array, F32: Float32Array, I32: Int32Array, U8: Uint8Array } as const;
const DTYPES = ["F64", "F32", "I32", "U8"] as const;

/** The element types that adastep reads and writes. */
export type SafetensorsDType = (typeof DTYPES)[number];

interface Arrays {
  readonly F64: Float64Array;
  readonly F32: Float32Array;
  readonly I32: Int32Array;
  readonly U8: Uint8Array;
}

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
 * Decodes the bytes of a file. Arrays are views of `bytes` where the alignment allows it, else copies.
 *
 * @param name Where the bytes came from, for messages.
 * @throws DataError for anything that the format forbids: a header that is too long, no UTF-8, no JSON of the format's
 *   form, or has a key twice; offsets that overlap, leave a gap, leave the file, or do not fit dtype and shape; another
 *   dtype than F64, F32, I32 and U8.
 */
export function decodeSafetensors(bytes: Uint8Array, name = "safetensors data"): SafetensorsFile {
  const fail = (got: string, accepted: string): DataError => new DataError({ argument: name, got, accepted });
  if (bytes.length < 8) throw fail(`${bytes.length} bytes`, "a safetensors file, which has at least 8 bytes");
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (length > MAX_HEADER || length > bytes.length - 8) {
    const most = Math.min(MAX_HEADER, bytes.length - 8);
    throw fail(`a header length of ${length} bytes`, `${most} bytes at most in a file of ${bytes.length}`);
  }
  const { entries, metadata } = parseHeader(textOf(bytes.subarray(8, 8 + length), name), name);

  const data = bytes.subarray(8 + length);
  const tensors: Record<string, SafetensorsTensor> = Object.create(null);
  let offset = 0;
  for (const [key, entry] of [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    if (entry.begin !== offset) {
      const got = `data_offsets of ${describe(key)} that begin at ${entry.begin}`;
      throw fail(got, `${offset}, where the tensor before ends: no gap, no overlap`);
    }
    tensors[key] = tensorOf(key, entry, data, name);
    offset = entry.end;
  }
  if (offset !== data.length) {
    throw fail(`${data.length} bytes after the header`, `${offset}, where the last tensor ends`);
  }
  return { tensors, metadata: Object.assign(Object.create(null), Object.fromEntries(metadata)) };
}

function tensorOf(
  key: string,
  { dtype, shape, begin, end }: HeaderEntry,
  data: Uint8Array,
  name: string,
): SafetensorsTensor {
  const argument = `${name}, tensor ${describe(key)}`;
  const known = DTYPES.find((candidate) => candidate === dtype);
  if (known === undefined) {
    throw new DataError({ argument, got: `dtype ${describe(dtype)}`, accepted: DTYPES.join(", ") });
  }
  const size = ARRAYS[known].BYTES_PER_ELEMENT;
  const bytes = shape.reduce((product, dimension) => product * dimension, size);
  if (end - begin !== bytes || end > data.length) {
    const got = `data_offsets [${begin}, ${end}] of ${data.length} bytes`;
    throw new DataError({
      argument,
      got,
      accepted: `${bytes} bytes for ${dtype} of shape [${shape.join(", ")}]`,
    });
  }
  const own = data.subarray(begin, end);
  const { buffer, byteOffset } = own.byteOffset % size === 0 ? own : new Uint8Array(own);
  return { dtype: known, shape, data: viewOf(known, buffer, byteOffset, bytes / size) } as SafetensorsTensor;
}

function viewOf(
  dtype: SafetensorsDType,
  ...view: [ArrayBufferLike, number, number]
): Arrays[SafetensorsDType] {
  switch (dtype) {
    case "F64":
      return new Float64Array(...view);
    case "F32":
      return new Float32Array(...view);
    case "I32":
      return new Int32Array(...view);
    case "U8":
      return new Uint8Array(...view);
  }
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
