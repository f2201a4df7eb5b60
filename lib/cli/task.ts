// What a training is about: data in two parts, and what becomes of them on the way into the model and out of it.

import { Categories } from "../data/categories.js";
import { type Column, lengthOf } from "../data/column.js";
import { Dataset } from "../data/dataset.js";
import { namedDataset } from "../data/named.js";
import { Scaling, scaled } from "../data/scaling.js";
import { DataError, describe } from "../errors.js";
import { encoderOf, type Feature, featureColumns, featureOf, inputColumn, widthOf } from "./features.js";
import { openRecords, type Records } from "./formats.js";
import type { ModelSpec } from "./model-file.js";
import { type FieldScan, scanTable } from "./scan.js";
import type { ModelCommand, Source } from "./training-flags.js";

export type Examples = Dataset<"x" | "y">;

export interface Task {
  readonly spec: ModelSpec;
  readonly train: Examples;
  /** Held out. */
  readonly test: Examples;
}

/** Share of a file that is held out. */
const HELD_OUT = 0.2;

/** Reads the data. @throws DataError (rejects) */
export async function loadTask({ source, values }: ModelCommand): Promise<Task> {
  return source.kind === "named" ? namedTask(source.name, values.hidden) : tableTask(source, values);
}

async function namedTask(name: Parameters<typeof namedDataset>[0], hidden: readonly number[]): Promise<Task> {
  const { train, test, classes = [], inputScale, source } = await namedDataset(name);
  const inputs = lengthOf(train.columns.x.shape);
  const features = Array.from({ length: inputs }, (_, i) => ({ name: String(i), categories: undefined }));
  const network = { inputs, hidden, outputs: classes.length };
  const y = new Categories(classes);
  return { train, test, spec: { network, features, target: "label", inputScale, x: undefined, y, source } };
}

async function tableTask(
  { path, format }: Source & { kind: "table" },
  values: ModelCommand["values"],
): Promise<Task> {
  const { task = "classification", ignore = [], seed, hidden } = values;
  const records = openRecords(path, format, values["no-header"] !== true);
  const { target, inputs } = rolesOf(records, await records.fields(), values.target, ignore);
  const { fields, rows } = await scanTable(records.table, [...inputs, target]);
  if (rows < 10) {
    const accepted = "10 or more, a fifth of them is held out";
    throw new DataError({ argument: path, got: `${rows} records`, accepted });
  }
  const features = fields.slice(0, -1).map((scan) => featureOf(scan, path));
  const classes = targetOf(fields.at(-1) as FieldScan, task, path);
  const all = await readExamples(records, features, target, classes);
  const stratify = classes && { stratify: "y" as const };
  const [train, test] = all.split({ validation: HELD_OUT, seed, ...stratify });
  const x = Scaling.fit(train.columns.x);
  const y = classes ?? Scaling.fit(train.columns.y);
  const network = { inputs: widthOf(features), hidden, outputs: classes ? classes.labels.length : 1 };
  const spec = { network, features, target, inputScale: 1, x, y, source: path };
  return { spec, train: encoded(spec, train), test: encoded(spec, test) };
}

/** Which field is predicted, and which are the input. @throws DataError for one that is not there */
function rolesOf(
  { name }: Records,
  fields: readonly string[],
  target = fields.at(-1) ?? "",
  ignore: readonly string[],
): { target: string; inputs: readonly string[] } {
  for (const [option, field] of [["target", target], ...ignore.map((field) => ["ignore", field])]) {
    if (fields.includes(field as string)) continue;
    const list = fields.length > 20 ? `${fields.slice(0, 20).join(", ")}, ...` : fields.join(", ");
    const accepted = `one of its ${fields.length} fields: ${list}`;
    throw new DataError({ argument: `${name}, '${option}'`, got: describe(field), accepted });
  }
  const inputs = fields.filter((field) => field !== target && !ignore.includes(field));
  if (inputs.length > 0) return { target, inputs };
  throw new DataError({ argument: name, got: "no field beside the target", accepted: "at least one" });
}

/** The classes of a target; none for regression. @throws DataError for a target that the task cannot have */
function targetOf(scan: FieldScan, task: string, file: string): Categories | undefined {
  const { name, missing, numbers, integers, notFinite, texts, booleans, arrays, others, labels } = scan;
  const fail = (got: string, accepted: string): DataError =>
    new DataError({ argument: `${file}, field ${describe(name)}`, got, accepted });
  if (missing > 0) throw fail(`${missing} records without a value`, "a target in each");
  if (arrays + others + notFinite > 0)
    throw fail(
      `${arrays + others + notFinite} values that are neither finite numbers nor labels`,
      "one in each",
    );
  if (task === "regression") {
    if (texts + booleans === 0) return undefined;
    throw fail(
      `${texts + booleans} values that are no numbers`,
      "numbers; to predict labels, say --task classification",
    );
  }
  if (texts + booleans === 0 && integers < numbers)
    throw fail(
      `${numbers - integers} numbers that are no integers`,
      "labels; to predict numbers, say --task regression",
    );
  if (!labels)
    throw fail("more than 1,000 different labels", "fewer; to predict numbers, say --task regression");
  if (labels.size < 2) throw fail("one label in all records", "two at least");
  return Categories.fit(labels.keys());
}

/**
 * All records as examples: x as it is, y the number of its class, or for regression the number itself.
 * @throws DataError (rejects) naming the record and the field, for a value that the model does not take
 */
export async function readExamples(
  records: Records,
  features: readonly Feature[],
  target: string,
  classes: Categories | undefined,
): Promise<Examples> {
  const y = classes
    ? { from: target, type: "i32" as const, encode: encoderOf(classes) }
    : { from: target, shape: [1] };
  const all = await records.table.dataset({ ...featureColumns(features), y });
  return new Dataset({ x: inputColumn(all, features), y: all.columns.y as Column });
}

/** Examples as the model takes them. */
export function encoded({ x, y }: ModelSpec, examples: Examples): Examples {
  return scaled(examples, { ...(x && { x }), ...(y instanceof Scaling && { y }) });
}
