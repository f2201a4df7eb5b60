// Tables of named fields, whatever their format: how the fields of a record become the columns of a dataset.

import { checkChoice, checkInteger, checkKeys } from "../check.js";
import { ArgumentError, DataError, describe } from "../errors.js";
import { type Column, type ColumnData, emptyLike, lengthOf } from "./column.js";
import { COLUMN_ARRAYS, COLUMN_TYPES, type ColumnType, numberOf, numbersOf, putNumbers } from "./convert.js";
import { Dataset } from "./dataset.js";
import { StreamDataset } from "./stream.js";

/** Some records of a table, field by field. */
export interface Block {
  readonly rows: number;
  /** The values of a field, one per record; undefined where a record lacks it. */
  field(name: string): ArrayLike<unknown>;
  /** Names a record for messages: `"a.jsonl, line 3"`. */
  place(row: number): string;
  /** Values are text: numbers are written in decimal. */
  readonly text?: boolean;
}

/** What a format has to offer to be read as a table. */
export interface TableFormat {
  /** Where the table is, for messages. */
  readonly name: string;
  /**
   * Reads from the beginning: about `rows` records at a time, of which only these fields are looked at. Where it waits for what is
   * no file, it throws the signal's reason once that is aborted.
   */
  blocks(rows: number, fields: readonly string[], signal?: AbortSignal): AsyncIterable<Block>;
}

/** How a column of a dataset is made of fields. */
export interface FieldOptions {
  /** One field, or several, each of which holds one number. */
  readonly from: string | readonly string[];
  /** Default `"f32"`. No value is changed beyond rounding to f32; one that the type cannot hold is an error. */
  readonly type?: ColumnType;
  /**
   * The shape of one example. Default: `[]` for one field, which holds a number, `[n]` for a list of n fields. For one
   * field that holds arrays: as many numbers, nested by these dimensions or flat.
   */
  readonly shape?: readonly number[];
  /** Makes the number, or the numbers, of what a field holds: an index into categories, the tokens of a text. */
  readonly encode?: (value: unknown) => number | ArrayLike<number>;
}

/** Columns of a dataset by name: `{ x: ["length", "width"], y: { from: "label", type: "i32" } }`. */
export type TableColumns<N extends string> = Readonly<Record<N, string | readonly string[] | FieldOptions>>;

/** How a table is streamed. */
export interface TableStreamOptions {
  /** Examples that wait in memory to be drawn from, where the order is shuffled: 1 or more, default 10,000. */
  readonly buffer?: number;
  /** Records read at a time, default 4,096. */
  readonly rows?: number;
  /** How many records there are, if you know: a trainer needs it, and takes as many. Default: unknown. */
  readonly size?: number;
}

interface Field {
  readonly name: string;
  readonly from: readonly string[];
  readonly type: ColumnType;
  readonly shape: readonly number[];
  /** The dimensions of what one field holds. */
  readonly dimensions: readonly number[];
  readonly encode: FieldOptions["encode"];
}

/** Records read at a time where the caller does not say. */
const ROWS = 4096;

/**
 * A table in a file or stream, in whatever format: made by `csvTable`, `jsonlTable`, `arrowTable`, `parquetTable`
 * and `recordsTable`.
 * Nothing is read before a method is called.
 */
export class Table {
  readonly #format: TableFormat;

  constructor(format: TableFormat) {
    this.#format = format;
  }

  get name(): string {
    return this.#format.name;
  }

  /**
   * Reads the whole table into memory.
   * @throws ArgumentError (rejects) for columns that make no sense; DataError naming file, record and field for a field
   *   that is missing or holds something else, and for a table without records.
   */
  async dataset<N extends string>(columns: TableColumns<N>): Promise<Dataset<N>> {
    const parts: Dataset<N>[] = [];
    for await (const part of this.chunks(columns)) parts.push(part);
    const [first] = parts;
    if (!first) {
      throw new DataError({ argument: this.name, got: "no records", accepted: "one record at least" });
    }
    return parts.length === 1 ? first : joined(parts);
  }

  /**
   * The table in parts of about `rows` records (default 4,096), so that it need not fit into memory.
   * @throws ArgumentError at the call; the loop throws as `dataset`
   */
  chunks<N extends string>(columns: TableColumns<N>, rows = ROWS): AsyncGenerator<Dataset<N>, void, void> {
    checkInteger("Table: 'rows'", rows, 1);
    return this.#chunks(fieldsOf(columns), rows);
  }

  /**
   * The table as a dataset that is read again in every epoch, and need not fit into memory.
   * @throws ArgumentError for columns or options that make no sense
   */
  stream<N extends string>(columns: TableColumns<N>, options: TableStreamOptions = {}): StreamDataset<N> {
    checkKeys("Table.stream", options, ["buffer", "rows", "size"]);
    const { rows = ROWS, ...others } = options;
    checkInteger("Table.stream: 'rows'", rows, 1);
    return new StreamDataset({
      columns: emptyColumns(columns),
      open: (signal) => this.#chunks(fieldsOf(columns), rows, signal),
      ...others,
    });
  }

  async *#chunks<N extends string>(
    fields: readonly Field[],
    rows: number,
    signal?: AbortSignal,
  ): AsyncGenerator<Dataset<N>> {
    const names = [...new Set(fields.flatMap(({ from }) => from))];
    for await (const block of this.#format.blocks(rows, names, signal)) {
      if (block.rows === 0) continue;
      const columns = fields.map((field) => [field.name, columnOf(field, block)] as const);
      yield new Dataset(Object.fromEntries(columns) as Record<N, Column>);
    }
  }
}

/** Columns without examples: what types and shapes a table will give. */
function emptyColumns<N extends string>(columns: TableColumns<N>): Record<N, Column> {
  const pairs = fieldsOf(columns).map(({ name, type, shape }) => {
    return [name, { data: new COLUMN_ARRAYS[type](0), shape }] as const;
  });
  return Object.fromEntries(pairs) as Record<N, Column>;
}

/** The examples of datasets with the same columns, one after another. */
function joined<N extends string>(parts: readonly Dataset<N>[]): Dataset<N> {
  const [first] = parts as [Dataset<N>];
  const columns = first.names.map((name) => {
    const { data, shape } = first.columns[name];
    const length = parts.reduce((sum, part) => sum + part.columns[name].data.length, 0);
    const all = emptyLike(data, length);
    let at = 0;
    for (const part of parts) {
      all.set(part.columns[name].data, at);
      at += part.columns[name].data.length;
    }
    return [name, { data: all, shape }] as const;
  });
  return new Dataset(Object.fromEntries(columns) as Record<N, Column>);
}

function fieldsOf(columns: TableColumns<string>): Field[] {
  if (typeof columns !== "object" || columns === null || Object.keys(columns).length === 0) {
    const accepted = "an object with a column at least, such as { x: [fields], y: field }";
    throw new ArgumentError({ argument: "Table: 'columns'", got: describe(columns), accepted });
  }
  return Object.entries(columns).map(([name, given]) => fieldOf(name, given));
}

function fieldOf(name: string, given: string | readonly string[] | FieldOptions): Field {
  const argument = `Table: column ${describe(name)}`;
  const short = typeof given === "string" || Array.isArray(given);
  const options = (short ? { from: given } : given) as FieldOptions;
  checkKeys(argument, options, ["from", "type", "shape", "encode"]);
  const from = typeof options.from === "string" ? [options.from] : options.from;
  if (!Array.isArray(from) || from.length === 0 || from.some((field) => typeof field !== "string")) {
    const accepted = "the name of a field, or names of some";
    throw new ArgumentError({ argument: `${argument}, from`, got: describe(options.from), accepted });
  }
  const type = checkChoice(`${argument}, type`, options.type ?? "f32", COLUMN_TYPES);
  const list = typeof options.from !== "string";
  const shape = options.shape ?? (list ? [from.length] : []);
  if (!Array.isArray(shape)) {
    throw new ArgumentError({ argument: `${argument}, shape`, got: describe(shape), accepted: "an array" });
  }
  for (const dimension of shape) checkInteger(`${argument}, shape`, dimension, 1);
  if (list && lengthOf(shape) !== from.length) {
    const accepted = `as many numbers as fields, ${from.length}`;
    throw new ArgumentError({ argument: `${argument}, shape`, got: describe(shape), accepted });
  }
  if (options.encode !== undefined && typeof options.encode !== "function") {
    const accepted = "a function of what the field holds";
    throw new ArgumentError({ argument: `${argument}, encode`, got: describe(options.encode), accepted });
  }
  return { name, from, type, shape, dimensions: list ? [] : shape, encode: options.encode };
}

function columnOf({ from, type, shape, dimensions, encode }: Field, block: Block): Column {
  const width = lengthOf(shape);
  const place = (row: number, name: string): string => `${block.place(row)}, field ${describe(name)}`;
  const valuesOf = (name: string): ArrayLike<unknown> => {
    const values = block.field(name);
    if (values.length === block.rows) return values;
    const [got, accepted] = [`${values.length} values`, `${block.rows}, one per record`];
    throw new DataError({ argument: place(0, name), got, accepted });
  };
  const [only] = from as [string];
  if (width === 1 && dimensions.length === 0 && !encode && !block.text) {
    return { data: numbersOf(type, valuesOf(only), (row) => place(row, only)), shape };
  }
  const data = new COLUMN_ARRAYS[type](block.rows * width);
  from.forEach((name, offset) => {
    const values = valuesOf(name);
    for (let row = 0; row < block.rows; row++) {
      const where = (): string => place(row, name);
      const held = values[row];
      const value = encode ? encoded(encode, held, where) : block.text ? decimal(held) : held;
      fill(data, row * width + offset, type, value, dimensions, where);
    }
  });
  return { data, shape };
}

/** What a function makes of a field; its own DataError is told with the place. */
function encoded(encode: (value: unknown) => unknown, held: unknown, place: () => string): unknown {
  try {
    return encode(held);
  } catch (cause) {
    if (!(cause instanceof DataError)) throw cause;
    const { argument, got, accepted } = cause;
    if (argument === undefined || got === undefined || accepted === undefined) throw cause;
    throw new DataError({ argument: `${place()}: ${argument}`, got, accepted }, { cause });
  }
}

/** Writes the numbers of one field, nested by `dimensions` or flat; where it takes one, it may stand alone. */
function fill(
  data: ColumnData,
  at: number,
  type: ColumnType,
  value: unknown,
  dimensions: readonly number[],
  place: () => string,
): void {
  const [count, ...inner] = dimensions;
  const items = count === undefined ? undefined : itemsOf(value);
  const [all, each] = [lengthOf(dimensions), lengthOf(inner)];
  if (items === undefined && all === 1) {
    data[at] = numberOf(type, value, place);
  } else if (items && items.length === count && inner.length > 0 && itemsOf(items[0])) {
    for (let i = 0; i < items.length; i++) fill(data, at + i * each, type, items[i], inner, place);
  } else if (items && items.length === all) {
    putNumbers(data, at, type, items, place);
  } else {
    const got = items ? `${items.length} values` : describe(value);
    throw new DataError({ argument: place(), got, accepted: `an array of shape [${dimensions.join(", ")}]` });
  }
}

/** What an array holds, plain or typed. */
function itemsOf(value: unknown): ArrayLike<unknown> | undefined {
  const isArray = Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
  return isArray ? (value as ArrayLike<unknown>) : undefined;
}

/** A decimal number; Number() would also take "", "0x10" and "Infinity". */
export const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

const decimal = (value: unknown): unknown =>
  typeof value === "string" && DECIMAL.test(value) ? Number(value) : value;
