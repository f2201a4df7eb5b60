// `adastep lr-find`: the learning-rate range test for the model and the optimizer that a training would have.

import { type FoundLearningRate, findLearningRate } from "../train/lr-finder.js";
import { EXIT, type ExitCode } from "./errors.js";
import { lossOf, makeOptimizer, multilayerPerceptron } from "./model.js";
import { printJson, printLine, printText, tableText } from "./output.js";
import { loadTask } from "./task.js";
import { openDevice, type Setting } from "./training.js";
import type { ModelCommand } from "./training-flags.js";

interface RangeValues extends Pick<Setting, "device" | "threads" | "json"> {
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly steps: number | undefined;
}

/** Lines of the table for people; JSON has every step. */
const LINES = 25;

export async function findRate(command: ModelCommand, values: RangeValues): Promise<ExitCode> {
  const { spec, train } = await loadTask(command);
  const { seed, clip, precision, "batch-size": batchSize } = command.values;
  using device = await openDevice(values);
  using model = multilayerPerceptron(spec.network).to(device, { seed });
  using optimizer = makeOptimizer(model, command.values);
  const { from, to, steps } = values;
  const found = await findLearningRate({
    ...{ device, model, optimizer, seed, train, batchSize },
    loss: lossOf(spec),
    inputScale: spec.inputScale,
    ...(clip !== undefined && { clip: { norm: clip } }),
    ...(precision && { precision }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(steps !== undefined && { steps }),
  });
  if (values.json) printJson({ optimizer: command.values.optimizer, ...found });
  else show(found);
  return EXIT.ok;
}

function show({ curve, reason, suggestion, steepest, minimum }: FoundLearningRate): void {
  const every = Math.ceil(curve.length / LINES);
  const shown = curve.filter((_, i) => i % every === 0 || i === curve.length - 1);
  const rows = shown.map(({ lr, loss, smoothed }) => [
    lr.toExponential(2),
    loss.toFixed(4),
    smoothed.toFixed(4),
  ]);
  printText(tableText([["lr", "loss", "smoothed"], ...rows], 1));
  const rate = (value: number | undefined): string =>
    value?.toExponential(2) ?? "none, the loss did not fall";
  printLine("ended", reason === "diverged" ? "where the loss diverged" : "at the end of the range");
  printLine("steepest", rate(steepest));
  printLine("minimum", rate(minimum));
  printLine("suggested", rate(suggestion));
}
