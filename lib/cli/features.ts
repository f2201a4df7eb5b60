// How the fields of a record become the input of a model: numbers as they are, labels as a 1 among zeros.

import { Categories } from "../data/categories.js";
import type { Column } from "../data/column.js";
import { canonical } from "../data/csv.js";
import type { Dataset } from "../data/dataset.js";
import type { FieldOptions } from "../data/table.js";
import { DataError, describe } from "../errors.js";
import { type FieldScan, MAX_LABELS } from "./scan.js";

/** A field that a model takes. */
export interface Feature {
  readonly name: string;
  /** Its labels, if it holds labels: as many values of the input; one value if it holds numbers. */
  readonly categories: Categories | undefined;
}

/** Values of the input. */
export const widthOf = (features: readonly Feature[]): number =>
  features.reduce((sum, { categories }) => sum + (categories?.size ?? 1), 0);

/**
 * What kind of field it is.
 * @throws DataError for one that is neither numbers nor labels throughout
 */
export function featureOf(scan: FieldScan, file: string): Feature {
  const { name, missing, numbers, notFinite, texts, booleans, arrays, others, labels } = scan;
  const fail = (got: string, accepted: string): DataError =>
    new DataError({ argument: `${file}, field ${describe(name)}`, got, accepted });
  const leave = `--ignore ${name}`;
  if (missing > 0) throw fail(`${missing} records without a value`, `a value in each, or ${leave}`);
  if (arrays + others > 0)
    throw fail(`${arrays + others} values that are arrays or objects`, `numbers or labels, or ${leave}`);
  if (texts + booleans === 0) {
    if (notFinite > 0) throw fail(`${notFinite} numbers that are not finite`, `finite numbers, or ${leave}`);
    return { name, categories: undefined };
  }
  if (numbers > 0 && texts > 0) {
    const few = numbers < texts ? `${numbers} numbers among labels` : `${texts} texts among numbers`;
    if (numbers >= texts) throw fail(few, `numbers or labels, or ${leave}`);
  }
  if (!labels) throw fail(`more than ${MAX_LABELS} different labels`, `fewer, or ${leave}`);
  return { name, categories: Categories.fit(labels.keys()) };
}

/** The number of a label; text that is an integer goes by that: 1, 01 and 1.0 are one label, as in `scanTable`. */
export const encoderOf =
  (categories: Categories) =>
  (value: unknown): number =>
    categories.index(typeof value === "string" ? canonical(value) : value);

/** Columns `f0`, `f1`, ... of a table, for the features in their order. */
export function featureColumns(features: readonly Feature[]): Record<string, FieldOptions> {
  const columns = features.map(({ name, categories }, i) => {
    const options: FieldOptions = categories
      ? { from: name, type: "i32", encode: encoderOf(categories) }
      : { from: name };
    return [`f${i}`, options] as const;
  });
  return Object.fromEntries(columns);
}

/** The input of a model, f32 [width], of the columns that `featureColumns` named. */
export function inputColumn(part: Dataset, features: readonly Feature[]): Column {
  const width = widthOf(features);
  const data = new Float32Array(part.size * width);
  let offset = 0;
  for (const [i, { categories }] of features.entries()) {
    const values = (part.columns[`f${i}`] as Column).data;
    values.forEach((value, row) => {
      const at = row * width + offset;
      if (categories) data[at + value] = 1;
      else data[at] = value;
    });
    offset += categories?.size ?? 1;
  }
  return { data, shape: [width] };
}
