// The program of a batch of an evaluation: it gives nothing back, but adds to totals in device memory.

import { equal } from "../tensor/elementwise.js";
import { Program } from "../tensor/program.js";
import { argmax } from "../tensor/reduce.js";
import { cast } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { total } from "../tensor/total.js";
import { checkedLoss, rowsOf } from "./checked.js";
import type { Inputs } from "./feed.js";
import { type Metrics, recordMetrics } from "./metrics.js";
import type { Parts } from "./recordings.js";
import type { Contributed, Totals, Windows } from "./totals.js";

export interface EvaluationProgram extends Disposable {
  readonly program: Program<Inputs, Record<string, never>>;
  /** Where a run leaves the rows that are collected. */
  readonly windows: Windows;
  /** What it adds to, in the order of the totals. */
  readonly contributed: readonly Contributed[];
}

/** Where the largest logit of a row is its label. Undefined if `y` does not hold labels. */
function rightRows(logits: Tensor, y: Tensor): Tensor | undefined {
  const rows = logits.shape.slice(0, -1);
  if (y.dtype !== "i32" || logits.rank < 2 || rows.join() !== y.shape.join()) return undefined;
  return equal(cast(argmax(logits), "f32"), cast(y, "f32"));
}

export function recordEvaluation(
  { device, model, loss, feed, precision }: Parts,
  inputs: Inputs,
  metrics: Metrics,
  totals: Totals,
): EvaluationProgram {
  const examples = inputs.y.shape[0] as number;
  let contributed: readonly Contributed[] = [];
  let windows: Windows = [];
  const body = (tensors: Inputs<Tensor>) => {
    const output = model.forward(feed.modelInput(tensors));
    const target = feed.target(tensors.y);
    const right = rightRows(output, target);
    const mean = checkedLoss(loss, output, target);
    if (Object.keys(metrics).length > 0)
      rowsOf("the trainer's 'metrics': the model's output", output, tensors.y);
    contributed = [
      ["loss", "sum", total(mean, { scale: examples })],
      ...(right ? [["accuracy", "right", right] as const] : []),
      ...recordMetrics(metrics, { output, target }),
    ];
    windows = totals.record(contributed, examples);
    return {} as Record<string, never>;
  };
  const program = new Program(device, inputs, body, { precision });
  const dispose = (): void => {
    program.dispose();
    for (const window of windows) window.dispose();
  };
  return { program, windows, contributed, [Symbol.dispose]: dispose };
}
