// Tables in CSV: every column a number, save the target, which may be a class label.

import { checkBoolean, checkChoice, checkInteger, checkKeys } from "../check.js";
import { ArgumentError, DataError, describe } from "../errors.js";
import { checkDelimiter, csvRecords } from "./csv-records.js";
import { Dataset } from "./dataset.js";
import { Growing } from "./growing.js";
import { chunksOf, nameOf } from "./source.js";
import { DECIMAL } from "./table.js";

/** Where the table is: a path (gzip is unpacked), or its text, with a name for messages. */
export type CsvSource = string | { readonly text: string; readonly name?: string };

/** How to read a table. Columns are named by their header, or, without one, "0", "1", ... */
export interface CsvOptions {
  /** The column to predict: its name, or its index from 0; -1 is the last column. */
  readonly target: string | number;
  /** "classification" (default): labels, numbered in sorted order. "regression": numbers. */
  readonly task?: "classification" | "regression";
  /** Whether the first row names the columns. By default it does, and a row that looks like data is an error. */
  readonly header?: boolean;
  /** Columns that are no features, by name or index: an id, a comment. */
  readonly ignore?: readonly (string | number)[];
  /** One character between fields. Default ",". */
  readonly delimiter?: string;
}

/** A table as examples. */
export interface CsvTable {
  /** x: f32 [features]. y: i32 [], an index into `classes`; for regression f32 [1]. */
  readonly dataset: Dataset<"x" | "y">;
  /** Names of the columns of x. */
  readonly features: readonly string[];
  /** Name of the target column. */
  readonly target: string;
  /** Labels in the order of their numbers: numeric order if all are integers, else by code unit; none for regression. */
  readonly classes: string[] | undefined;
}

/**
 * Reads a table of numbers and one target.
 *
 * ```ts
 * const { dataset, classes } = await csv("iris.csv", { target: "species" });
 * ```
 *
 * @throws DataError (rejects) naming file, line and column: a file that is missing or empty, a row with too few or too
 *   many fields, a field that is no finite f32, an empty label, a column that does not exist or is there twice.
 * @throws ArgumentError (rejects) for an option that does not exist or is out of range.
 */
export async function csv(source: CsvSource, options: CsvOptions): Promise<CsvTable> {
  checkOptions(options);
  const name = nameOf(source, "CSV text");
  const regression = options.task === "regression";

  let columns: Columns | undefined;
  const x = new Growing(Float32Array);
  const y = new Growing(Float32Array);
  const labels: string[] = [];
  const delimiter = options.delimiter ?? ",";
  for await (const { fields, line } of csvRecords(chunksOf(source), { delimiter, name })) {
    if (columns === undefined) {
      columns = columnsOf(fields, options, name);
      if (options.header !== false) continue;
    }
    const { names, target, features } = columns;
    const place = (column: number): string => `${name}, line ${line()}, column ${describe(names[column])}`;
    if (fields.length !== names.length) {
      const argument = `${name}, line ${line()}`;
      throw new DataError({ argument, got: `${fields.length} fields`, accepted: `${names.length} fields` });
    }
    for (const column of features) x.push(numberOf(fields[column], () => place(column)));
    if (regression) y.push(numberOf(fields[target], () => place(target)));
    else labels.push(labelOf(fields[target], () => place(target)));
  }
  if (columns === undefined)
    throw new DataError({ argument: name, got: "an empty file", accepted: "a table" });
  if (labels.length + y.length === 0) {
    throw new DataError({ argument: name, got: "a header alone", accepted: "at least one row of data" });
  }

  const { names, features, target } = columns;
  const targetName = names[target] as string;
  const classes = regression ? undefined : classesOf(labels, `${name}, column ${describe(targetName)}`);
  const numbers = classes && new Map(classes.map((label, i) => [label, i]));
  const targets = numbers
    ? { data: Int32Array.from(labels, (label) => numbers.get(canonical(label)) as number), shape: [] }
    : { data: y.array(), shape: [1] };
  return {
    dataset: new Dataset({ x: { data: x.array(), shape: [features.length] }, y: targets }),
    features: features.map((column) => names[column] as string),
    target: targetName,
    classes,
  };
}

function checkOptions(options: CsvOptions): void {
  checkKeys("csv", options, ["target", "task", "header", "ignore", "delimiter"]);
  const { target, task, header, ignore, delimiter } = options;
  if (task !== undefined) checkChoice("csv: 'task'", task, ["classification", "regression"]);
  if (header !== undefined) checkBoolean("csv: 'header'", header);
  if (delimiter !== undefined) checkDelimiter("csv: 'delimiter'", delimiter);
  if (ignore !== undefined && !Array.isArray(ignore)) {
    throw new ArgumentError({
      argument: "csv: 'ignore'",
      got: describe(ignore),
      accepted: "an array of columns",
    });
  }
  for (const [what, column] of [
    ["target", target],
    ...(ignore ?? []).map((c) => ["ignore", c] as const),
  ] as const) {
    if (typeof column === "number") checkInteger(`csv: '${what}'`, column, -(2 ** 31));
    else if (typeof column !== "string") {
      const accepted = "the name of a column, or its index";
      throw new ArgumentError({ argument: `csv: '${what}'`, got: describe(column), accepted });
    }
  }
}

/** What the columns of a table are for, as indices. */
interface Columns {
  readonly names: readonly string[];
  readonly target: number;
  readonly features: readonly number[];
}

function columnsOf(
  first: readonly string[],
  { target, header, ignore = [] }: CsvOptions,
  file: string,
): Columns {
  const names = header === false ? first.map((_, i) => String(i)) : first;
  const fail = (argument: string, got: string, accepted: string): DataError =>
    new DataError({ argument: `${file}, ${argument}`, got, accepted });
  const indexOf = (option: string, column: string | number): number => {
    const index =
      typeof column === "string" ? names.indexOf(column) : column < 0 ? names.length + column : column;
    if (index in names) return index;
    const list = names.length > 20 ? `${names.slice(0, 20).join(", ")}, ...` : names.join(", ");
    throw fail(option, describe(column), `one of its ${names.length} columns: ${list}`);
  };
  const targetIndex = indexOf("'target'", target);
  const unused = new Set([targetIndex, ...ignore.map((column) => indexOf("'ignore'", column))]);
  const features = [...names.keys()].filter((column) => !unused.has(column));

  if (header === undefined && looksLikeData(features.map((column) => names[column] as string))) {
    throw fail("header", "numbers", 'names of columns; if the first row is data, say "header: false"');
  }
  const twice = names.find((column, i) => names.indexOf(column) !== i);
  if (twice !== undefined) throw fail("header", `${describe(twice)} twice`, "columns of different names");
  if (features.length === 0) throw fail("header", "no column beside the target", "at least one feature");
  return { names, target: targetIndex, features };
}

/** Names that are all numbers are data, unless they count up (pixel 0, pixel 1, ... or years). */
export function looksLikeData(names: readonly string[]): boolean {
  return (
    names.length > 0 &&
    names.every((column) => DECIMAL.test(column)) &&
    !(names.length > 1 && names.every((column, i) => Number(column) === Number(names[0]) + i))
  );
}

function numberOf(field: string | undefined, place: () => string): number {
  const value = field !== undefined && DECIMAL.test(field) ? Number(field) : Number.NaN;
  if (Number.isFinite(Math.fround(value))) return value;
  const accepted = Number.isNaN(value) ? "a number" : "a number within the range of f32";
  throw new DataError({ argument: place(), got: describe(field), accepted });
}

function labelOf(field: string | undefined, place: () => string): string {
  if (field) return field;
  throw new DataError({ argument: place(), got: describe(field), accepted: "a class label" });
}

/** Integers in one spelling: 1, 01 and 1.0 are one class. */
export function canonical(label: string): string {
  return DECIMAL.test(label) && Number.isSafeInteger(Number(label)) ? String(Number(label)) : label;
}

function classesOf(labels: readonly string[], place: string): string[] {
  const classes = [...new Set(labels.map(canonical))];
  const isInteger = (label: string): boolean => DECIMAL.test(label) && Number.isSafeInteger(Number(label));
  if (classes.every(isInteger)) return classes.sort((a, b) => Number(a) - Number(b));
  if (classes.every((label) => DECIMAL.test(label))) {
    const got = describe(classes.find((label) => !isInteger(label)));
    throw new DataError({
      argument: place,
      got,
      accepted: 'class labels; to predict numbers, say task: "regression"',
    });
  }
  return classes.sort();
}
