// The options of `adastep train`: from words to values, with the defaults of each dataset.

import { basename } from "node:path";
import { parseArgs } from "node:util";
import { DATASETS, type DatasetName } from "../data/named.js";
import { UsageError } from "./usage.js";

export const OPTIMIZERS = ["adam", "adamw", "adagrad", "sgd"] as const;
export type OptimizerName = (typeof OPTIMIZERS)[number];

/** What is trained on. */
export type Source =
  | { readonly kind: "named"; readonly name: DatasetName }
  | {
      readonly kind: "csv";
      readonly path: string;
      readonly target: string | number;
      readonly task: "classification" | "regression";
      readonly header: boolean;
    };

/** A training as the command line asks for it. */
export interface TrainCommand {
  readonly source: Source;
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
  readonly optimizer: OptimizerName;
  readonly weightDecay: number | undefined;
  readonly clip: number | undefined;
  readonly hidden: readonly number[];
  readonly seed: number;
  readonly device: string;
  readonly threads: number | undefined;
  readonly output: string;
}

/** What suits a dataset; `lr` is for Adam. */
interface Defaults {
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
  readonly hidden: readonly number[];
}

const DEFAULTS: Readonly<Record<DatasetName | "csv", Defaults>> = {
  digits: { epochs: 40, batchSize: 32, lr: 3e-3, hidden: [256] },
  "fashion-mnist": { epochs: 10, batchSize: 128, lr: 2e-3, hidden: [256] },
  csv: { epochs: 60, batchSize: 32, lr: 3e-3, hidden: [64, 64] },
};

/** Learning rates of the others, relative to Adam's. */
const LR_FACTORS: Readonly<Record<OptimizerName, number>> = { adam: 1, adamw: 1, adagrad: 10, sgd: 50 };

const FLAGS = {
  target: { type: "string" },
  task: { type: "string" },
  "no-header": { type: "boolean" },
  epochs: { type: "string" },
  "batch-size": { type: "string" },
  lr: { type: "string" },
  optimizer: { type: "string" },
  "weight-decay": { type: "string" },
  clip: { type: "string" },
  hidden: { type: "string" },
  seed: { type: "string" },
  device: { type: "string" },
  threads: { type: "string" },
  output: { type: "string" },
} as const;

/** Reads the words after `train`. @throws UsageError */
export function parseTrain(words: readonly string[]): TrainCommand {
  const { values, positionals } = parse(words);
  const [dataset, ...more] = positionals;
  if (dataset === undefined) throw new UsageError(`train: no dataset, accepted: ${datasetsText()}`);
  if (more.length > 0)
    throw new UsageError(`train: got "${more[0]}" beside "${dataset}", accepted: one dataset`);
  const source = sourceOf(dataset, values);
  const defaults = DEFAULTS[source.kind === "csv" ? "csv" : source.name];
  const optimizer = choice("optimizer", values.optimizer, OPTIMIZERS) ?? "adam";
  const integer = (name: keyof typeof FLAGS, low: number): number | undefined =>
    number(name, values[name], `an integer, ${low} or more`, (v) => Number.isSafeInteger(v) && v >= low);
  const real = (
    name: keyof typeof FLAGS,
    accepted: string,
    holds: (v: number) => boolean,
  ): number | undefined => number(name, values[name], accepted, holds);
  return {
    source,
    optimizer,
    epochs: integer("epochs", 1) ?? defaults.epochs,
    batchSize: integer("batch-size", 1) ?? defaults.batchSize,
    lr: real("lr", "a number above 0", (v) => v > 0) ?? defaults.lr * LR_FACTORS[optimizer],
    weightDecay: real("weight-decay", "a number, 0 or more", (v) => v >= 0),
    clip: real("clip", "a number above 0", (v) => v > 0),
    hidden: hiddenOf(values.hidden) ?? defaults.hidden,
    seed: integer("seed", 0) ?? 0,
    device: deviceOf(values.device),
    threads: integer("threads", 1),
    output: values.output ?? `${basename(dataset).replace(/(\.csv)?(\.gz)?$/i, "")}.safetensors`,
  };
}

type Values = ReturnType<typeof parseFlags>["values"];

function parseFlags(words: readonly string[]) {
  return parseArgs({ args: [...words], options: FLAGS, allowPositionals: true });
}

function parse(words: readonly string[]): ReturnType<typeof parseFlags> {
  try {
    return parseFlags(words);
  } catch (cause) {
    // Node's first sentence names the option; the second one is about positional arguments, which cannot help here.
    throw new UsageError(`train: ${(cause as Error).message.split(". ")[0]}`, { cause });
  }
}

function datasetsText(): string {
  return `${DATASETS.map(({ name }) => `"${name}"`).join(", ")} or a path that ends in .csv`;
}

function sourceOf(dataset: string, values: Values): Source {
  const isCsv = /\.csv(\.gz)?$/i.test(dataset);
  const named = DATASETS.find(({ name }) => name === dataset);
  if (!isCsv && !named) throw new UsageError(`train: got dataset "${dataset}", accepted: ${datasetsText()}`);
  if (named) {
    const flag = (["target", "task", "no-header"] as const).find((name) => values[name] !== undefined);
    if (flag) throw new UsageError(`--${flag}: got one for "${dataset}", accepted: only for a CSV file`);
    return { kind: "named", name: named.name };
  }
  const header = !values["no-header"];
  const { target } = values;
  const byIndex = target === undefined || (!header && /^-?\d+$/.test(target));
  return {
    kind: "csv",
    path: dataset,
    target: byIndex ? Number(target ?? -1) : target,
    task: choice("task", values.task, ["classification", "regression"] as const) ?? "classification",
    header,
  };
}

function wrong(name: string, got: string, accepted: string): UsageError {
  return new UsageError(`--${name}: got "${got}", accepted: ${accepted}`);
}

function number(
  name: string,
  value: string | boolean | undefined,
  accepted: string,
  holds: (value: number) => boolean,
): number | undefined {
  if (typeof value !== "string") return undefined;
  const parsed = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value) ? Number(value) : Number.NaN;
  if (!Number.isFinite(parsed) || !holds(parsed)) throw wrong(name, value, accepted);
  return parsed;
}

function choice<T extends string>(
  name: string,
  value: string | undefined,
  choices: readonly T[],
): T | undefined {
  if (value === undefined) return undefined;
  const found = choices.find((known) => known === value);
  if (found === undefined) throw wrong(name, value, choices.join(", "));
  return found;
}

function hiddenOf(value: string | undefined): number[] | undefined {
  if (value === undefined) return undefined;
  if (value === "none") return [];
  const sizes = value.split(",").map((size) => (/^\d{1,6}$/.test(size) ? Number(size) : 0));
  if (sizes.some((size) => size < 1)) throw wrong("hidden", value, "sizes such as 128,64, or none");
  return sizes;
}

function deviceOf(value = "auto"): string {
  if (!/^(auto|(cpu|cuda)(:\d{1,3})?)$/.test(value))
    throw wrong("device", value, "auto, cpu, cuda or cuda:0");
  return value;
}
