// The flags of trainings, and what a command asks for once defaults are filled in.

import { resolve } from "node:path";
import { DATASETS, type DatasetName } from "../data/named.js";
import { describe } from "../errors.js";
import { UsageError } from "./errors.js";
import {
  choice,
  type Flag,
  type Flags,
  integer,
  names,
  notNegative,
  type Operand,
  positive,
  sizes,
  text,
  toggle,
  type Values,
} from "./flags.js";
import { type FormatName, formatOf } from "./formats.js";

export const OPTIMIZERS = ["adam", "adamw", "adagrad", "sgd"] as const;
export type OptimizerName = (typeof OPTIMIZERS)[number];

const PRECISIONS = ["f32", "bf16"] as const;

export const TASKS = ["classification", "regression"] as const;

/** Seconds between checkpoints of epochs, at least: a small one takes some 20 ms, which may be many times an epoch. */
export const CHECKPOINT_SECONDS = 1;

/** What is trained on. */
export type Source =
  | { readonly kind: "named"; readonly name: DatasetName }
  | { readonly kind: "table"; readonly path: string; readonly format: FormatName };

const FILES = "a file that ends in .csv, .jsonl, .ndjson (each also .gz), .parquet, .arrow or .feather";

export const DATASET: Operand = {
  name: "<dataset>",
  help: `${DATASETS.map(({ name }) => name).join(", ")}, or ${FILES}`,
};

/** @throws UsageError for what is neither a dataset's name nor a file of a known format */
export function sourceOf(verb: string, dataset: string): Source {
  const named = DATASETS.find(({ name }) => name === dataset);
  if (named) return { kind: "named", name: named.name };
  const format = formatOf(dataset);
  if (format) return { kind: "table", path: dataset, format };
  throw new UsageError({ argument: verb, got: `dataset ${describe(dataset)}`, accepted: DATASET.help });
}

const DEVICE: Flag<string> = {
  value: "<name>",
  help: "auto (default: the first usable GPU, else the CPU), cpu, cuda or cuda:0",
  read: (name, argument) => {
    if (/^(auto|(cpu|cuda)(:\d{1,3})?)$/.test(name)) return name;
    throw new UsageError({ argument, got: describe(name), accepted: "auto, cpu, cuda or cuda:0" });
  },
};

/** Where it is computed. */
export const DEVICE_FLAGS = {
  device: DEVICE,
  threads: integer("<n>", "threads that compute on the CPU; default: every core", 1),
} satisfies Flags;

export const JSON_FLAG = { json: toggle("JSON instead of text") } satisfies Flags;

/** What a file of records means: for these alone. */
export const TABLE_FLAGS = {
  target: text("<field>", "files: the field to predict; default the last one"),
  task: choice("<task>", "files: classification (default) or regression", TASKS),
  ignore: names("<fields>", "files: fields that are no input, such as id,comment"),
  "no-header": toggle("CSV: the first row is data; fields are named 0, 1, ..."),
} satisfies Flags;

/** What is trained, and how. */
export const MODEL_FLAGS = {
  "batch-size": integer("<n>", "examples per step", 1),
  lr: positive("<x>", "learning rate, reached in a warm-up and brought down to 0 along a cosine"),
  optimizer: choice("<name>", "adam (default), adamw, adagrad or sgd", OPTIMIZERS),
  "weight-decay": notNegative("<x>", "default 0; adamw 0.01"),
  clip: positive("<x>", "scales gradients down to this norm; default: no clipping"),
  hidden: sizes("<sizes>", "widths of the hidden layers, such as 128,64; none for a linear model"),
  precision: choice("<name>", "of matrix products: f32 (default) or bf16, for tensor cores", PRECISIONS),
  seed: integer("<n>", "seeds weights, order, and which rows of a file are held out; default 0", 0),
} satisfies Flags;

/** How a training goes on. */
export const LENGTH_FLAGS = {
  epochs: integer("<n>", "passes over the data", 1),
  accumulate: integer("<n>", "batches per step, as if they were one; default 1", 1),
  patience: integer("<n>", "ends after so many evaluations without a lower loss, with the best model", 1),
  watch: integer("<steps>", "steps between looks at each parameter, for reports; default: none", 1),
  "checkpoint-every": integer(
    "<steps>",
    "steps between checkpoints; default: one per epoch, but no two within a second, and one at the end",
    1,
  ),
} satisfies Flags;

/** What is kept of a command with its run: all that its result depends on. */
export const KEPT_FLAGS = { ...TABLE_FLAGS, ...MODEL_FLAGS, ...LENGTH_FLAGS } satisfies Flags;

/** What suits a dataset; `lr` is for Adam. */
interface Defaults {
  readonly epochs: number;
  readonly "batch-size": number;
  readonly lr: number;
  readonly hidden: readonly number[];
}

const DEFAULTS: Readonly<Record<DatasetName | "table", Defaults>> = {
  digits: { epochs: 40, "batch-size": 32, lr: 3e-3, hidden: [256] },
  "fashion-mnist": { epochs: 10, "batch-size": 128, lr: 2e-3, hidden: [256] },
  table: { epochs: 60, "batch-size": 32, lr: 3e-3, hidden: [64, 64] },
};

/** Learning rates of the others, relative to Adam's. */
const LR_FACTORS: Readonly<Record<OptimizerName, number>> = { adam: 1, adamw: 1, adagrad: 10, sgd: 50 };

export type ModelValues = Values<typeof TABLE_FLAGS & typeof MODEL_FLAGS>;
type Kept = Values<typeof KEPT_FLAGS>;

type Filled = "batch-size" | "lr" | "optimizer" | "hidden" | "seed";

/** A model to be trained as the command line asks for it: defaults are filled in. */
export interface ModelCommand<V extends ModelValues = ModelValues> {
  readonly dataset: string;
  readonly source: Source;
  readonly values: V & { readonly [K in Filled]: NonNullable<V[K]> };
}

/** A training as the command line asks for it. */
export type TrainCommand = ModelCommand<Kept & { readonly epochs: number; readonly accumulate: number }>;

/** Fills in the defaults of the dataset. @throws UsageError */
export function modelCommand<V extends ModelValues>(
  verb: string,
  dataset: string,
  values: V,
): ModelCommand<V> {
  const source = sourceOf(verb, dataset);
  checkTableFlags(source, dataset, values);
  const defaults = DEFAULTS[source.kind === "named" ? source.name : "table"];
  const optimizer = values.optimizer ?? "adam";
  return {
    dataset: source.kind === "named" ? dataset : resolve(dataset),
    source,
    values: {
      ...values,
      optimizer,
      "batch-size": values["batch-size"] ?? defaults["batch-size"],
      lr: values.lr ?? defaults.lr * LR_FACTORS[optimizer],
      hidden: values.hidden ?? defaults.hidden,
      seed: values.seed ?? 0,
    } as ModelCommand<V>["values"],
  };
}

/** As `modelCommand`, with the length of the training. @throws UsageError */
export function trainCommand(verb: string, dataset: string, values: Kept): TrainCommand {
  const { source } = modelCommand(verb, dataset, values);
  const defaults = DEFAULTS[source.kind === "named" ? source.name : "table"];
  const { epochs = defaults.epochs, accumulate = 1 } = values;
  return modelCommand(verb, dataset, { ...values, epochs, accumulate });
}

function checkTableFlags(source: Source, dataset: string, values: ModelValues): void {
  if (source.kind === "table") return;
  const given = (Object.keys(TABLE_FLAGS) as (keyof typeof TABLE_FLAGS)[]).find(
    (name) => values[name] !== undefined,
  );
  if (given === undefined) return;
  throw new UsageError({
    argument: `--${given}`,
    got: `one for ${describe(dataset)}`,
    accepted: "only for a file",
  });
}
