// Parquet, read by the optional package hyparquet.

import type { FileHandle } from "node:fs/promises";
import type { AsyncBuffer, FileMetaData, ParquetScan } from "hyparquet";
import { AdastepError, ArgumentError, DataError, describe } from "../errors.js";
import { openFile, readAt } from "./files.js";
import { optionalPackage } from "./peer.js";
import { type Block, Table } from "./table.js";

/** Codecs that hyparquet knows by itself. */
const OWN_CODECS = ["UNCOMPRESSED", "SNAPPY"];

/**
 * A table of a Parquet file. Only the columns asked for are read, row group by row group: one of them is in memory at a
 * time. Lists hold arrays for a column with a `shape`.
 *
 * hyparquet believes what the headers of pages tell of their sizes: one that is damaged there may keep it busy for ever, so
 * read files that you do not trust on a thread or in a process of their own.
 *
 * ```ts
 * const train = await parquetTable("flights.parquet").dataset({ x: ["distance", "delay"], y: { from: "origin", type: "i32" } });
 * ```
 *
 * @param source A path, or the bytes of a file.
 * @throws ArgumentError for another source. Reading it throws UnavailableError without the package hyparquet, or, for
 *   codecs but Snappy, hyparquet-compressors; DataError for bytes that are no Parquet file, a field that is missing, or a
 *   null.
 */
export function parquetTable(source: string | Uint8Array): Table {
  if (typeof source !== "string" && !(source instanceof Uint8Array)) {
    const accepted = "a path, or a Uint8Array of a file's bytes";
    throw new ArgumentError({ argument: "parquetTable: 'source'", got: describe(source), accepted });
  }
  const name = typeof source === "string" ? source : "Parquet data";
  return new Table({ name, blocks: (rows, fields) => blocksOf(source, rows, fields, name) });
}

/** The fields of a Parquet file, in their order. @throws (rejects) as reading `parquetTable` */
export async function parquetFields(path: string): Promise<string[]> {
  await using file = await openFile(path);
  return (await headOf(await fileBuffer(file.handle, path), path)).known;
}

async function* blocksOf(
  source: string | Uint8Array,
  rows: number,
  fields: readonly string[],
  name: string,
): AsyncGenerator<Block, void, void> {
  await using file = typeof source === "string" ? await openFile(source) : undefined;
  const buffer = file ? await fileBuffer(file.handle, name) : memoryBuffer(source as Uint8Array);
  const scan = await scanOf(buffer, fields, name);
  for (const { rowStart, rowEnd } of scan.ranges) {
    const columns = new Map<string, ArrayLike<unknown>>();
    for (const column of fields) {
      const read = scan.readColumn({ column, rowStart, rowEnd });
      const values = await understood(name, read);
      if (values.length !== rowEnd - rowStart) {
        const got = `${values.length} values of ${describe(column)}`;
        throw new DataError({
          argument: name,
          got,
          accepted: `${rowEnd - rowStart}, the rows of their group`,
        });
      }
      columns.set(column, values);
    }
    for (let from = 0; from < rowEnd - rowStart; from += rows) {
      const to = Math.min(from + rows, rowEnd - rowStart);
      yield {
        rows: to - from,
        field: (field) => slice(columns.get(field) as ArrayLike<unknown>, from, to),
        place: (row) => `${name}, record ${rowStart + from + row}`,
      };
    }
  }
}

/** What hyparquet finds wrong with a file, as a typed error that names it. */
async function understood<T>(name: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof AdastepError) throw cause;
    const got = `damaged data (${cause instanceof Error ? cause.message : String(cause)})`;
    throw new DataError({ argument: name, got, accepted: "a Parquet file" }, { cause });
  }
}

/** What a file tells of itself, and the names of its fields. */
async function headOf(file: AsyncBuffer, name: string) {
  const hyparquet = await optionalPackage("parquetTable", "hyparquet", () => import("hyparquet"));
  const metadata = await understood(name, hyparquet.parquetMetadataAsync(file));
  const { children } = await understood(name, (async () => hyparquet.parquetSchema(metadata))());
  return { hyparquet, metadata, known: children.map(({ element }) => element.name) };
}

async function scanOf(file: AsyncBuffer, fields: readonly string[], name: string): Promise<ParquetScan> {
  const { hyparquet, metadata, known } = await headOf(file, name);
  const unknown = fields.find((field) => !known.includes(field));
  if (unknown !== undefined) {
    throw new DataError({ argument: name, got: `no field ${describe(unknown)}`, accepted: known.join(", ") });
  }
  const packed = codecsOf(metadata).some((codec) => !OWN_CODECS.includes(codec));
  const { compressors } = packed
    ? await optionalPackage("parquetTable", "hyparquet-compressors", () => import("hyparquet-compressors"))
    : { compressors: undefined };
  const options = { file, metadata, columns: [...fields], ...(compressors && { compressors }) };
  return understood(name, hyparquet.parquetScan(options));
}

const codecsOf = ({ row_groups }: FileMetaData): string[] =>
  row_groups.flatMap(({ columns }) => columns.map(({ meta_data }) => meta_data?.codec ?? "UNCOMPRESSED"));

const slice = (values: ArrayLike<unknown>, from: number, to: number): ArrayLike<unknown> =>
  Array.isArray(values) ? values.slice(from, to) : (values as Float32Array).subarray(from, to);

function memoryBuffer(bytes: Uint8Array): AsyncBuffer {
  return {
    byteLength: bytes.length,
    slice: (start, end = bytes.length) => new Uint8Array(bytes.subarray(start, end)).buffer,
  };
}

async function fileBuffer(handle: FileHandle, path: string): Promise<AsyncBuffer> {
  const { size } = await handle.stat();
  const slice = async (start: number, end = size): Promise<ArrayBuffer> => {
    const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - start));
    await readAt(handle, bytes, start, path);
    return bytes.buffer;
  };
  return { byteLength: size, slice };
}
