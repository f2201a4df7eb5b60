// `adastep evaluate`: the figures of a model on data that it has not seen.

import { namedDataset } from "../data/named.js";
import { Scaling } from "../data/scaling.js";
import type { Device } from "../device/device.js";
import type { Module } from "../nn/module.js";
import { confusionMatrix } from "../train/metrics-labels.js";
import { meanAbsoluteError, rSquared } from "../train/metrics-numbers.js";
import { loadModel } from "../train/save.js";
import { count } from "../train/text.js";
import { EXIT, type ExitCode } from "./errors.js";
import { type Figures, figuresOf, figuresText } from "./figures.js";
import { openRecords } from "./formats.js";
import { withModel } from "./model.js";
import { type ModelSpec, readSpec, weightsOf } from "./model-file.js";
import { printJson, printLine, printText, tableText } from "./output.js";
import { readRun } from "./run-file.js";
import { type Examples, encoded, loadTask, readExamples } from "./task.js";
import { openDevice, type Setting } from "./training.js";
import { sourceOf } from "./training-flags.js";

interface EvaluateValues extends Pick<Setting, "device" | "threads" | "json"> {
  readonly "no-header": true | undefined;
}

/** What is told of an evaluation beside its figures. */
interface More {
  readonly json: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** @throws DataError (rejects) for a folder that is no model, or data that do not fit it */
export async function evaluate(
  folder: string,
  dataset: string | undefined,
  values: EvaluateValues,
): Promise<ExitCode> {
  const spec = await readSpec(folder);
  const examples = await examplesFor(spec, folder, dataset, values["no-header"] !== true);
  using device = await openDevice(values);
  const weights = await weightsOf(folder);
  const { figures, more } = await measure({ device, spec, examples, weights });
  const data = dataset ?? "held out";
  if (values.json) {
    printJson({ data, ...figures, ...more.json });
    return EXIT.ok;
  }
  printLine("data", `${data}, ${count(figures.examples)} examples`);
  printLine("figures", `${figuresText(figures)}, loss ${figures.loss.toFixed(4)}`);
  printText(more.text);
  return EXIT.ok;
}

interface Subject {
  readonly device: Device;
  readonly spec: ModelSpec;
  readonly examples: Examples;
  /** The file of the parameters. */
  readonly weights: string;
}

async function measure({
  device,
  spec,
  examples,
  weights,
}: Subject): Promise<{ figures: Figures; more: More }> {
  const load = (model: Module) => loadModel(model, weights);
  if (spec.y instanceof Scaling) {
    const metrics = { error: meanAbsoluteError(), rSquared: rSquared() };
    const found = await withModel(device, spec, load, (trainer) => trainer.evaluate(examples), metrics);
    const [mae, r2] = [found.metrics.error * (spec.y.scale[0] as number), found.metrics.rSquared];
    const text = `mean absolute error ${mae.toPrecision(4)}, R squared ${r2.toFixed(4)}`;
    return { figures: figuresOf(spec, found), more: { json: { mae, rSquared: r2 }, text } };
  }
  const { labels } = spec.y;
  const metrics = { confusion: confusionMatrix(labels.length) };
  const found = await withModel(device, spec, load, (trainer) => trainer.evaluate(examples), metrics);
  const { confusion } = found.metrics;
  const classes = perClass(labels, confusion);
  return {
    figures: figuresOf(spec, found),
    more: { json: { classes, confusion }, text: classTable(classes) },
  };
}

/** Examples of a file, or what the run held out. */
async function examplesFor(
  spec: ModelSpec,
  folder: string,
  dataset: string | undefined,
  header: boolean,
): Promise<Examples> {
  const source = dataset === undefined ? undefined : sourceOf("evaluate", dataset);
  if (source?.kind === "table") {
    const classes = spec.y instanceof Scaling ? undefined : spec.y;
    const records = openRecords(source.path, source.format, header);
    return encoded(spec, await readExamples(records, spec.features, spec.target, classes));
  }
  if (source) return (await namedDataset(source.name)).test;
  return (await loadTask(await readRun(folder))).test;
}

interface ClassFigures {
  readonly label: string;
  readonly examples: number;
  /** Share of its examples that are found. */
  readonly recall: number;
  /** Share of the answers with this class that are right. */
  readonly precision: number;
}

/** `confusion[label][answer]` counts examples. */
function perClass(classes: readonly string[], confusion: readonly (readonly number[])[]): ClassFigures[] {
  return classes.map((label, i) => {
    const row = confusion[i] as readonly number[];
    const examples = row.reduce((sum, n) => sum + n, 0);
    const answers = confusion.reduce((sum, other) => sum + (other[i] as number), 0);
    const right = row[i] as number;
    return { label, examples, recall: right / examples, precision: right / answers };
  });
}

const percent = (share: number): string => (Number.isNaN(share) ? "-" : `${(100 * share).toFixed(1)} %`);

function classTable(classes: readonly ClassFigures[]): string {
  const rows = classes.map(({ label, examples, recall, precision }) => {
    return [label, count(examples), percent(recall), percent(precision)];
  });
  return tableText([["class", "examples", "recall", "precision"], ...rows], 1);
}
