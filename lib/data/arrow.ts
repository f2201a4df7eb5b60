// Arrow IPC, the stream and the file format, read by the optional package apache-arrow.

import type { RecordBatch, Vector } from "apache-arrow";
import { AdastepError, DataError, describe } from "../errors.js";
import { optionalPackage } from "./peer.js";
import { type ByteSource, checkSource, chunksOf, nameOf } from "./source.js";
import { type Block, Table } from "./table.js";

type Arrow = typeof import("apache-arrow");
const DATA = "Arrow data";
const importArrow = (): Promise<Arrow> =>
  optionalPackage("arrowTable", "apache-arrow", () => import("apache-arrow"));

/**
 * A table of Arrow's IPC format (streams and files, the latter also called Feather 2). It is read record batch by record
 * batch: one of them is in memory at a time. Lists hold arrays for a column with a `shape`; dictionaries give their values.
 *
 * apache-arrow believes what the headers tell of lengths: one that is damaged there may keep it busy for ever, so read files
 * that you do not trust on a thread or in a process of their own.
 *
 * ```ts
 * const train = await arrowTable("flights.arrow").dataset({ x: ["distance", "delay"], y: { from: "origin", type: "i32" } });
 * ```
 *
 * @throws ArgumentError for a source that is none. Reading it throws UnavailableError without the package apache-arrow,
 *   and DataError for bytes that are no Arrow data, a field that is missing, or a null.
 */
export function arrowTable(source: ByteSource): Table {
  checkSource("arrowTable: 'source'", source);
  const name = nameOf(source, DATA);
  return new Table({ name, blocks: (...how) => blocksOf(source, name, ...how) });
}

/** The fields of Arrow data, in their order. @throws (rejects) as reading `arrowTable` */
export async function arrowFields(source: ByteSource): Promise<string[]> {
  const arrow = await importArrow();
  const chunks = chunksOf(source);
  try {
    return fieldsOf(await openReader(arrow, chunks));
  } catch (cause) {
    throw damaged(nameOf(source, DATA), cause);
  } finally {
    await chunks.return();
  }
}

async function openReader({ RecordBatchReader }: Arrow, chunks: AsyncIterable<Uint8Array>) {
  const reader = await RecordBatchReader.from(chunks);
  await reader.open();
  return reader;
}

const fieldsOf = ({ schema }: Pick<RecordBatch, "schema">): string[] =>
  schema.fields.map((field) => String(field.name));

async function* blocksOf(
  source: ByteSource,
  name: string,
  rows: number,
  fields: readonly string[],
  signal?: AbortSignal,
): AsyncGenerator<Block, void, void> {
  const arrow = await importArrow();
  let first = 0;
  for await (const batch of batchesOf(arrow, name, chunksOf(source, signal))) {
    checkFields(batch, fields, name);
    for (let from = 0; from < batch.numRows; from += rows) {
      yield blockOf(arrow, batch.slice(from, Math.min(from + rows, batch.numRows)), name, first + from);
    }
    first += batch.numRows;
  }
}

async function* batchesOf(
  arrow: Arrow,
  name: string,
  chunks: AsyncGenerator<Uint8Array, void, void>,
): AsyncGenerator<RecordBatch, void, void> {
  try {
    yield* await openReader(arrow, chunks);
  } catch (cause) {
    throw damaged(name, cause);
  } finally {
    await chunks.return(); // the reader does not close what it reads from
  }
}

/** What Arrow finds wrong with its data, as a typed error that names them. */
function damaged(name: string, cause: unknown): AdastepError {
  if (cause instanceof AdastepError) return cause;
  const got = `damaged data (${cause instanceof Error ? cause.message : String(cause)})`;
  return new DataError({ argument: name, got, accepted: "an Arrow IPC stream or file" }, { cause });
}

function checkFields(batch: RecordBatch, fields: readonly string[], name: string): void {
  const known = fieldsOf(batch);
  const unknown = fields.find((field) => !known.includes(field));
  if (unknown === undefined) return;
  throw new DataError({ argument: name, got: `no field ${describe(unknown)}`, accepted: known.join(", ") });
}

function blockOf(arrow: Arrow, batch: RecordBatch, name: string, first: number): Block {
  return {
    rows: batch.numRows,
    field: (field) => {
      try {
        return valuesOf(arrow, batch.getChild(field) as Vector);
      } catch (cause) {
        throw damaged(name, cause);
      }
    },
    place: (row) => `${name}, record ${first + row}`,
  };
}

/** Values as numbers in a typed array where Arrow has them so; nulls are null, elements of lists arrays in turn. */
function valuesOf(arrow: Arrow, vector: Vector): ArrayLike<unknown> {
  const { DataType, Precision } = arrow;
  const { type } = vector;
  const isHalf = DataType.isFloat(type) && type.precision === Precision.HALF; // its array holds bits, not numbers
  if (vector.nullCount === 0 && (DataType.isInt(type) || DataType.isFloat(type)) && !isHalf)
    return vector.toArray();
  const isList = DataType.isList(type) || DataType.isFixedSizeList(type);
  return Array.from(vector, (value: unknown) =>
    isList && value !== null ? valuesOf(arrow, value as Vector) : value,
  );
}
