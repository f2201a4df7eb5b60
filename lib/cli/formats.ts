// Data files by their endings: how each is opened as a table, and which fields it has.

import { arrowFields, arrowTable } from "../data/arrow.js";
import { looksLikeData } from "../data/csv.js";
import { csvRecords } from "../data/csv-records.js";
import { csvTable } from "../data/csv-table.js";
import { jsonlTable, readJsonl } from "../data/jsonl.js";
import { parquetFields, parquetTable } from "../data/parquet.js";
import { type ByteSource, chunksOf, nameOf } from "../data/source.js";
import type { Table } from "../data/table.js";
import { DataError, describe } from "../errors.js";
import { UsageError } from "./errors.js";

export const FORMAT_NAMES = ["csv", "jsonl", "parquet", "arrow"] as const;
/** What `predict` writes. */
export const ANSWER_FORMATS = ["csv", "jsonl"] as const;
/** What `export` writes. */
export const EXPORT_FORMATS = ["safetensors", "onnx", "npy"] as const;

export type FormatName = (typeof FORMAT_NAMES)[number];

interface Format {
  /** Endings, without that of gzip. */
  readonly pattern: RegExp;
  readonly open: (source: ByteSource, header: boolean) => Table;
  readonly fields: (source: ByteSource, header: boolean) => Promise<readonly string[]>;
}

const FORMATS: Readonly<Record<FormatName, Format>> = {
  csv: {
    pattern: /\.csv(\.gz)?$/i,
    open: (source, header) => csvTable(source, { header }),
    fields: csvFields,
  },
  jsonl: {
    pattern: /\.(jsonl|ndjson)(\.gz)?$/i,
    open: (source) => jsonlTable(source),
    fields: jsonlFields,
  },
  parquet: {
    pattern: /\.parquet$/i,
    open: (source) => parquetTable(pathOf(source)),
    fields: (source) => parquetFields(pathOf(source)),
  },
  arrow: { pattern: /\.(arrow|feather)$/i, open: (source) => arrowTable(source), fields: arrowFields },
};

/** The format of a file by its ending. */
export function formatOf(path: string): FormatName | undefined {
  const found = Object.entries(FORMATS).find(([, { pattern }]) => pattern.test(path));
  return found?.[0] as FormatName | undefined;
}

/** Records of a file or stream. */
export interface Records {
  readonly name: string;
  readonly table: Table;
  readonly fields: () => Promise<readonly string[]>;
}

/** @throws UsageError for no header where there is none by nature */
export function openRecords(source: ByteSource, format: FormatName, header = true): Records {
  if (!header && format !== "csv") {
    const got = `one for ${nameOf(source, format)}`;
    throw new UsageError({ argument: "--no-header", got, accepted: "only for CSV" });
  }
  const { open, fields } = FORMATS[format];
  return {
    name: nameOf(source, format),
    table: open(source, header),
    fields: () => fields(source, header),
  };
}

async function csvFields(source: ByteSource, header: boolean): Promise<readonly string[]> {
  const name = nameOf(source, "CSV");
  for await (const { fields } of csvRecords(chunksOf(source), { delimiter: ",", name })) {
    if (!header) return fields.map((_, i) => String(i));
    if (!looksLikeData(fields.slice(0, -1))) return fields;
    const accepted = "names of columns; if the first row is data, say --no-header";
    throw new DataError({ argument: `${name}, header`, got: "numbers", accepted });
  }
  throw new DataError({ argument: name, got: "an empty file", accepted: "a table" });
}

async function jsonlFields(source: ByteSource): Promise<readonly string[]> {
  for await (const { value, line } of readJsonl(source)) {
    if (typeof value === "object" && value !== null) return Object.keys(value);
    const argument = `${nameOf(source, "JSON lines")}, line ${line}`;
    throw new DataError({ argument, got: describe(value), accepted: "an object of fields, or an array" });
  }
  throw new DataError({ argument: nameOf(source, "JSON lines"), got: "an empty file", accepted: "a table" });
}

function pathOf(source: ByteSource): string {
  if (typeof source === "string") return source;
  throw new UsageError({ argument: nameOf(source, "Parquet"), got: "a stream", accepted: "a path" });
}
