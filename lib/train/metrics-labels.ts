// Metrics of models that give scores for classes.

import { checkInteger } from "../check.js";
import { ArgumentError } from "../errors.js";
import { add, affine, equal, greaterEqual, withoutNaN } from "../tensor/elementwise.js";
import { argmax, labelRank } from "../tensor/reduce.js";
import { cast, reshape } from "../tensor/shape.js";
import { crossEntropyRows } from "../tensor/softmax.js";
import { total } from "../tensor/total.js";
import { labelsOf, type Metric, meanOf, numbersOf } from "./metrics.js";
import { collect } from "./totals.js";

/** Share of rows whose label is among the `k` largest scores; of equal scores the label's comes last. NaN is below all numbers. */
export function topK(k: number): Metric<number, "right"> {
  checkInteger("topK: 'k'", k, 1);
  return {
    record(batch) {
      const labels = labelsOf("topK", batch);
      const rank = cast(labelRank(batch.output, labels), "f32");
      const classes = batch.output.shape.at(-1) as number;
      return { right: greaterEqual(Math.min(k, classes) - 1, rank) };
    },
    value: ({ right }, examples) => meanOf(right, examples),
  };
}

/** The smallest number above 0. */
const ABOVE_ZERO = 2 ** -149;

/** Share of outputs, logits of a yes, that are above 0 where the target is 1 and not where it is 0. */
export function binaryAccuracy(): Metric<number, "right"> {
  return {
    record(batch) {
      const target = numbersOf("binaryAccuracy", batch);
      return { right: equal(greaterEqual(batch.output, ABOVE_ZERO), target) };
    },
    value: ({ right }, examples) => meanOf(right, examples),
  };
}

/** At most: the place of a pair of classes is counted in f32, which is exact up to 2^24. */
const MOST_CLASSES = 4096;

/**
 * How often each class was taken for each: `matrix[actual][predicted]` counts rows. The first of the largest scores is taken, NaN
 * never; a label that is no class counts nowhere. Up to 4096 classes.
 */
export function confusionMatrix(classes: number): Metric<number[][], "counts"> {
  checkInteger("confusionMatrix: 'classes'", classes, 2, MOST_CLASSES);
  return {
    record(batch) {
      const labels = labelsOf("confusionMatrix", batch);
      const width = batch.output.shape.at(-1) as number;
      if (width !== classes) {
        throw new ArgumentError({
          argument: "confusionMatrix: 'classes'",
          got: `${classes}`,
          accepted: `${width}, which the model has scores for`,
        });
      }
      const rows = [labels.length];
      const taken = reshape(cast(argmax(withoutNaN(batch.output)), "f32"), rows);
      const pair = add(affine(reshape(cast(labels, "f32"), rows), classes), taken);
      const one = affine(taken, 0, 1);
      return { counts: total(one, { by: cast(pair, "i32"), groups: classes * classes }) };
    },
    value: ({ counts }) => {
      const places = Array.from({ length: classes }, (_, i) => i);
      return places.map((actual) => places.map((taken) => counts[actual * classes + taken] as number));
    },
  };
}

/**
 * exp of the mean negative log of the softmax of a row at its label: that of a language model, per token. A label that is no class
 * fails the evaluation with a DeviceError.
 */
export function perplexity(): Metric<number, "losses"> {
  return {
    record: (batch) => ({ losses: crossEntropyRows(batch.output, labelsOf("perplexity", batch)) }),
    value: ({ losses }, examples) => Math.exp(meanOf(losses, examples)),
  };
}

/**
 * Area under the ROC curve of two classes: the probability that an example with label 1 has a larger score than one with label 0,
 * equal scores counting half (Mann & Whitney 1947). The score is the output, or of two outputs the second less the first. NaN if
 * one class is missing. Keeps 8 bytes of each example, or 12, on the device until the evaluation ends.
 */
export function rocAuc(): Metric<number, "scores" | "labels"> {
  return {
    record({ output, target }) {
      const examples = output.shape[0] as number;
      const width = output.length / examples;
      if ((width !== 1 && width !== 2) || target.length !== examples) {
        throw new ArgumentError({
          argument: "rocAuc: the output",
          got: `${width} numbers and ${target.length / examples} targets for each example`,
          accepted: "one score, or two, and one target of 0 or 1",
        });
      }
      return { scores: collect(output), labels: collect(cast(target, "f32")) };
    },
    value({ scores, labels }) {
      if (scores.length === labels.length) return rankAuc(scores, labels);
      const difference = (i: number): number => (scores[2 * i + 1] as number) - (scores[2 * i] as number);
      return rankAuc(
        labels.map((_, i) => difference(i)),
        labels,
      );
    },
  };
}

/** From ranks, the mean rank for equal scores. */
function rankAuc(scores: Float64Array, labels: Float64Array): number {
  const order = Array.from(scores, (_, i) => i).sort((a, b) => (scores[a] as number) - (scores[b] as number));
  let [ranks, positives] = [0, 0];
  for (let begin = 0; begin < order.length; ) {
    let end = begin + 1;
    while (end < order.length && scores[order[end] as number] === scores[order[begin] as number]) end++;
    const rank = (begin + 1 + end) / 2;
    for (const i of order.slice(begin, end)) {
      if (labels[i] !== 1) continue;
      ranks += rank;
      positives += 1;
    }
    begin = end;
  }
  const negatives = order.length - positives;
  return (ranks - (positives * (positives + 1)) / 2) / (positives * negatives);
}
