// The text format of LIBSVM and SVMlight: "label index:value index:value ... # comment", a row per line, indices ascending.

import { checkBoolean, checkChoice, checkInteger, checkKeys } from "../check.js";
import { DataError, describe } from "../errors.js";
import { Categories } from "./categories.js";
import { Growing } from "./growing.js";
import { linesOf, MAX_LINE } from "./lines.js";
import { type ByteSource, checkSource, chunksOf, nameOf } from "./source.js";
import { SparseDataset } from "./sparse.js";
import { DECIMAL } from "./table.js";

/** How to read such a file. */
export interface LibsvmOptions {
  /** "classification" (default): labels, numbered by value. "regression": numbers. */
  readonly task?: "classification" | "regression";
  /** Whether the first feature has the index 0. Default false: 1, as LIBSVM has it. */
  readonly zeroBased?: boolean;
  /** How many features there are. Default: up to the largest index. Give it where two files belong together. */
  readonly features?: number;
  /** Bytes of the longest line that is accepted, default 16 MiB. */
  readonly maxLine?: number;
}

/** A file as examples. */
export interface LibsvmData {
  /** y: i32 [], an index into `classes`; for regression f32 [1]. */
  readonly dataset: SparseDataset<"y">;
  /** Labels in the order of their numbers; none for regression. */
  readonly classes: readonly string[] | undefined;
}

const MAX_INDEX = 2 ** 31 - 2;

/**
 * Reads sparse rows of text, gzipped or not. `qid:` fields are passed over, comments too.
 * @throws DataError (rejects) naming file and line: a label or value that is no finite number within f32, an index that is
 *   too large or does not ascend, a line that is too long, a file without rows.
 * @throws ArgumentError (rejects) for an option that does not exist or is out of range.
 */
export async function libsvm(source: ByteSource, options: LibsvmOptions = {}): Promise<LibsvmData> {
  checkSource("libsvm: 'source'", source);
  checkKeys("libsvm", options, ["task", "zeroBased", "features", "maxLine"]);
  const { task = "classification", zeroBased = false, features: given, maxLine = MAX_LINE } = options;
  checkChoice("libsvm: 'task'", task, ["classification", "regression"]);
  const base = checkBoolean("libsvm: 'zeroBased'", zeroBased) ? 0 : 1;
  if (given !== undefined) checkInteger("libsvm: 'features'", given, 1, MAX_INDEX + 1);
  checkInteger("libsvm: 'maxLine'", maxLine, 1);
  const name = nameOf(source, "LIBSVM text");

  const rows = new RowReader(base, given ?? MAX_INDEX + 1);
  for await (const lines of linesOf(chunksOf(source), name, maxLine)) {
    for (const { text, line } of lines) rows.read(text, () => `${name}, line ${line}`);
  }
  if (rows.labels.length === 0) {
    throw new DataError({ argument: name, got: "no rows", accepted: "one row at least" });
  }
  const labels = rows.labels.array();
  const classes = task === "regression" ? undefined : Categories.fit(labels);
  const y = classes ? classes.transform(labels) : { data: labels, shape: [1] };
  return { dataset: new SparseDataset(rows.rows(given), { y }), classes: classes?.labels };
}

/** Gathers rows. */
class RowReader {
  readonly labels = new Growing(Float32Array);
  readonly #offsets = new Growing(Int32Array);
  readonly #indices = new Growing(Int32Array);
  readonly #values = new Growing(Float32Array);
  readonly #base: number;
  readonly #features: number;
  #largest = 0;

  constructor(base: number, features: number) {
    this.#base = base;
    this.#features = features;
    this.#offsets.push(0);
  }

  /** Reads a line; one without anything but a comment is no row. */
  read(text: string, place: () => string): void {
    const [label, ...fields] = text.replace(/#.*/s, "").split(/\s+/).filter(Boolean);
    if (label === undefined) return;
    this.labels.push(decimalOf(label, "a label", place));
    let before = -1;
    for (const field of fields) {
      const colon = field.indexOf(":");
      const [key, value] = [field.slice(0, colon), field.slice(colon + 1)];
      if (colon >= 0 && key === "qid") continue;
      const index = colon < 0 || !/^\d{1,10}$/.test(key) ? Number.NaN : Number(key) - this.#base;
      if (!(index > before && index < this.#features)) throw this.#wrongIndex(field, before, place());
      this.#indices.push(index);
      this.#values.push(decimalOf(value, `feature ${key}`, place));
      before = index;
    }
    this.#largest = Math.max(this.#largest, before);
    this.#offsets.push(this.#indices.length);
  }

  #wrongIndex(field: string, before: number, argument: string): DataError {
    const low = Math.max(before + 1, 0) + this.#base;
    const high = this.#features - 1 + this.#base;
    const hint =
      field.startsWith("0:") && this.#base === 1 ? '; for indices from 0 say "zeroBased: true"' : "";
    const accepted = `index:value, indices ascending, here from ${low} to ${high}${hint}`;
    return new DataError({ argument, got: describe(field), accepted });
  }

  rows(features = this.#largest + 1) {
    const [offsets, indices, values] = [this.#offsets.array(), this.#indices.array(), this.#values.array()];
    return { offsets, indices, values, features };
  }
}

function decimalOf(text: string, what: string, place: () => string): number {
  const value = DECIMAL.test(text) ? Number(text) : Number.NaN;
  if (Number.isFinite(Math.fround(value))) return value;
  const accepted = "a number within the range of f32";
  throw new DataError({ argument: `${place()}, ${what}`, got: describe(text), accepted });
}
