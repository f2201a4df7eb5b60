// What a training is about: data in two parts, and the shape of the model's input and output.

import { lengthOf } from "../data/column.js";
import { csv } from "../data/csv.js";
import type { Dataset } from "../data/dataset.js";
import { namedDataset } from "../data/named.js";
import { DataError } from "../errors.js";
import type { Module } from "../nn/module.js";
import type { Source } from "./options.js";
import { type Moments, momentsOf, standardizedDataset, unstandardize } from "./standardize.js";

export interface Task {
  readonly name: string;
  readonly train: Dataset<"x" | "y">;
  /** Held out. */
  readonly test: Dataset<"x" | "y">;
  readonly inputs: number;
  readonly outputs: number;
  readonly inputScale: number;
  /** What the outputs stand for; none for regression. */
  readonly classes: readonly string[] | undefined;
  /** The unit of a standardized target, for errors in the file's own unit; 1 otherwise. */
  readonly targetUnit: number;
  readonly source: string;
  /** Makes the trained model one for the numbers of the source. */
  readonly finish: (model: Module) => Promise<void>;
  /** For the model's file. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Share of a CSV that is held out. */
const HELD_OUT = 0.2;

/** Reads the data. @throws DataError */
export async function loadTask(source: Source, seed: number): Promise<Task> {
  return source.kind === "named" ? namedTask(source.name) : csvTask(source, seed);
}

async function namedTask(name: Parameters<typeof namedDataset>[0]): Promise<Task> {
  const { train, test, classes, inputScale, source } = await namedDataset(name);
  return {
    name,
    train,
    test,
    inputs: lengthOf(train.columns.x.shape),
    outputs: classes?.length ?? 1,
    inputScale,
    classes,
    targetUnit: 1,
    source,
    finish: async () => {},
    metadata: { dataset: name, inputScale: String(inputScale), classes: JSON.stringify(classes) },
  };
}

async function csvTask(
  { path, target, task, header }: Source & { kind: "csv" },
  seed: number,
): Promise<Task> {
  const table = await csv(path, { target, task, ...(header ? {} : { header }) });
  const { dataset, features, classes } = table;
  if (dataset.size < 10) {
    throw new DataError({
      argument: path,
      got: `${dataset.size} rows`,
      accepted: "10 or more, a fifth of them is held out",
    });
  }
  const stratify = classes && { stratify: "y" as const };
  const [train, test] = dataset.split({ validation: HELD_OUT, seed, ...stratify });
  const x = momentsOf(train.columns.x);
  const y: Moments | undefined = classes ? undefined : momentsOf(train.columns.y);
  const moments = y ? { x, y } : { x };
  return {
    name: path,
    train: standardizedDataset(train, moments),
    test: standardizedDataset(test, moments),
    inputs: features.length,
    outputs: classes?.length ?? 1,
    inputScale: 1,
    classes,
    targetUnit: y?.deviation[0] ?? 1,
    source: path,
    finish: (model) => unstandardize(model, x, y),
    metadata: {
      dataset: path,
      features: JSON.stringify(features),
      target: table.target,
      ...(classes && { classes: JSON.stringify(classes) }),
    },
  };
}
