// CSV as a table of fields, read piece by piece.

import { checkBoolean, checkInteger, checkKeys } from "../check.js";
import { DataError, describe } from "../errors.js";
import { type CsvRecord, checkDelimiter, csvRecords } from "./csv-records.js";
import { MAX_LINE } from "./lines.js";
import { type ByteSource, checkSource, chunksOf, nameOf } from "./source.js";
import { type Block, Table } from "./table.js";

/** How to read CSV as a table. */
export interface CsvTableOptions {
  /** Whether the first row names the fields, the default; else they are "0", "1", ... */
  readonly header?: boolean;
  /** One character between fields. Default ",". */
  readonly delimiter?: string;
  /** Characters of the longest row that is accepted, default 2^24; memory is bounded by it. */
  readonly maxRow?: number;
}

/**
 * A table of CSV that need not fit into memory: `csvTable("flights.csv.gz").stream({ x: ["distance"], y: "delay" })`.
 * Fields are text: decimal numbers for a column of numbers, whatever they hold for one with `encode`. For a whole table
 * with a target in memory, `csv` asks less.
 * @throws ArgumentError for a wrong option. Reading it throws DataError naming file and line: a row with too few or too many
 *   fields or that is too long, a quote that does not close, a field that is no number, columns that are not there; a file without
 *   the header that it should have.
 */
export function csvTable(source: ByteSource, options: CsvTableOptions = {}): Table {
  checkSource("csvTable: 'source'", source);
  checkKeys("csvTable", options, ["header", "delimiter", "maxRow"]);
  const header = checkBoolean("csvTable: 'header'", options.header ?? true);
  const delimiter = checkDelimiter("csvTable: 'delimiter'", options.delimiter ?? ",");
  const maxRow = checkInteger("csvTable: 'maxRow'", options.maxRow ?? MAX_LINE, 1);
  const name = nameOf(source, "CSV text");
  const records = (signal?: AbortSignal): AsyncGenerator<CsvRecord> =>
    csvRecords(chunksOf(source, signal), { delimiter, name, maxRow });
  return new Table({
    name,
    blocks: (rows, fields, signal) => blocksOf(records(signal), { rows, fields, header, name }),
  });
}

async function* blocksOf(
  records: AsyncIterable<CsvRecord>,
  { rows, fields, header, name }: { rows: number; fields: readonly string[]; header: boolean; name: string },
): AsyncGenerator<Block, void, void> {
  let names: readonly string[] | undefined;
  let places = new Map<string, number>();
  let values: (readonly string[])[] = [];
  let lines: number[] = [];
  for await (const record of records) {
    if (!names) {
      names = header ? record.fields : record.fields.map((_, i) => String(i));
      places = placesOf(names, fields, name);
      if (header) continue;
    }
    if (record.fields.length !== names.length) {
      const [got, accepted] = [`${record.fields.length} fields`, `${names.length} fields`];
      throw new DataError({ argument: `${name}, line ${record.line()}`, got, accepted });
    }
    lines.push(record.line());
    if (values.push(record.fields) < rows) continue;
    yield blockOf(places, values, lines, name);
    [values, lines] = [[], []];
  }
  if (header && !names) throw new DataError({ argument: name, got: "an empty file", accepted: "a table" });
  yield blockOf(places, values, lines, name);
}

function placesOf(names: readonly string[], fields: readonly string[], name: string): Map<string, number> {
  const argument = `${name}, header`;
  const twice = fields.find((field) => names.indexOf(field) !== names.lastIndexOf(field));
  if (twice !== undefined) {
    throw new DataError({ argument, got: `${describe(twice)} twice`, accepted: "fields of different names" });
  }
  const unknown = fields.find((field) => !names.includes(field));
  if (unknown !== undefined) {
    throw new DataError({
      argument,
      got: `no field ${describe(unknown)}`,
      accepted: names.slice(0, 20).join(", "),
    });
  }
  return new Map(fields.map((field) => [field, names.indexOf(field)]));
}

function blockOf(
  places: ReadonlyMap<string, number>,
  values: readonly (readonly string[])[],
  lines: readonly number[],
  name: string,
): Block {
  return {
    rows: values.length,
    field: (field) => values.map((fields) => fields[places.get(field) as number]),
    place: (row) => `${name}, line ${lines[row]}`,
    text: true,
  };
}
