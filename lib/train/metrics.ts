// What evaluations find beside the loss: figures over the whole dataset, added up in double where the model's outputs are.

import { ArgumentError, describe, ShapeError } from "../errors.js";
import { cast, reshape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { type Contributed, type Contribution, isContribution } from "./totals.js";

/** A batch of an evaluation, while its program is recorded. */
export interface MetricBatch {
  /** The model's output, f32 with a row for each example. */
  readonly output: Tensor;
  /** As the loss gets it: i32 for labels, f32 for numbers, with a row for each example. */
  readonly target: Tensor;
}

/** A figure of evaluations. `N` are the names of what it adds up. */
export interface Metric<T, N extends string = string> {
  /**
   * Records what a batch contributes, with operations on tensors: a tensor is summed over its first axis, over all batches
   * (`total(x)`); `total(x, options)` adds up something else, and `collect(x)` keeps all rows of all batches.
   */
  record(batch: MetricBatch): Readonly<Record<N, Contribution>>;
  /** The figure, from what all batches contributed together: of a tensor [n, ...] the sums, as many as a row has numbers. */
  value(totals: Readonly<Record<N, Float64Array>>, examples: number): T;
}

/** Metrics by the names that they have in evaluations. */
export type Metrics = Readonly<Record<string, Metric<unknown>>>;
export type NoMetrics = Readonly<Record<never, Metric<unknown>>>;

/** What the metrics give, by name. */
export type MetricValues<M extends Metrics> = {
  readonly [K in keyof M]: M[K] extends Metric<infer T> ? T : never;
};

/** Names that evaluations have figures for already. */
const TAKEN = ["loss", "accuracy", "examples"];

export function checkMetrics(owner: string, metrics: unknown): Metrics {
  if (typeof metrics !== "object" || metrics === null || Array.isArray(metrics)) {
    throw new ArgumentError({ argument: owner, got: describe(metrics), accepted: "metrics by name" });
  }
  for (const [name, metric] of Object.entries(metrics)) {
    if (TAKEN.includes(name)) {
      const accepted = `a name other than ${TAKEN.join(", ")}`;
      throw new ArgumentError({ argument: owner, got: describe(name), accepted });
    }
    if (typeof metric?.record === "function" && typeof metric.value === "function") continue;
    const argument = `${owner.slice(0, -1)}.${name}'`;
    throw new ArgumentError({ argument, got: describe(metric), accepted: "a metric, such as topK(5)" });
  }
  return metrics as Metrics;
}

/** What the metrics contribute. @throws ArgumentError for what is no contribution */
export function recordMetrics(metrics: Metrics, batch: MetricBatch): Contributed[] {
  return Object.entries(metrics).flatMap(([figure, metric]) => {
    const contributions: unknown = metric.record(batch);
    if (typeof contributions !== "object" || contributions === null) throw refusal(figure, contributions);
    return Object.entries(contributions).map(([name, contribution]): Contributed => {
      if (!isContribution(contribution)) throw refusal(`${figure}.${name}`, contribution);
      return [figure, name, contribution];
    });
  });
}

function refusal(metric: string, got: unknown): ArgumentError {
  return new ArgumentError({
    argument: `metric '${metric}': what it records`,
    got: describe(got),
    accepted: "tensors, total(...) or collect(...), by name",
  });
}

/** Labels of the rows of scores that the last axis of the output has. @throws ShapeError if there is not one for each */
export function labelsOf(metric: string, { output, target }: MetricBatch): Tensor {
  const rows = output.shape.slice(0, -1);
  if (target.dtype === "i32" && output.rank > 1 && target.length === rows.reduce((n, d) => n * d, 1))
    return reshape(target, rows);
  throw new ShapeError({
    argument: `${metric}: the targets`,
    got: `${target} for outputs ${output}`,
    accepted: "labels, i32 or u8, one for each row of the last axis",
  });
}

/** Targets as numbers to compare with the output, of its shape. @throws ShapeError if there are not as many */
export function numbersOf(metric: string, { output, target }: MetricBatch): Tensor {
  if (target.length === output.length) return reshape(cast(target, "f32"), output.shape);
  throw new ShapeError({
    argument: `${metric}: the targets`,
    got: `${target.length} numbers for ${output.length} outputs`,
    accepted: "one for each",
  });
}

/** The sum of all numbers, in their order. */
export function sumOf(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

/** The mean over all examples of what was summed up for each place of a row. */
export function meanOf(sums: Float64Array, examples: number): number {
  return sumOf(sums) / (examples * sums.length);
}
