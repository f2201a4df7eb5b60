// Metrics of models that give numbers.

import { total } from "../tensor/total.js";
import { type Metric, meanOf, numbersOf, sumOf } from "./metrics.js";

/** Mean of |output - target| over all numbers, the differences taken in double. */
export function meanAbsoluteError(): Metric<number, "errors"> {
  return {
    record(batch) {
      const minus = numbersOf("meanAbsoluteError", batch);
      return { errors: total(batch.output, { minus, of: "absolute" }) };
    },
    value: ({ errors }, examples) => meanOf(errors, examples),
  };
}

/**
 * Coefficient of determination: 1 - sum (output - target)^2 / sum (target - mean)^2; 1 is perfect, 0 as good as the mean. Of several
 * outputs the mean over them. NaN for a target that never changes.
 */
export function rSquared(): Metric<number, "errors" | "spread"> {
  return {
    record(batch) {
      const minus = numbersOf("rSquared", batch);
      return {
        errors: total(batch.output, { minus, of: "squares" }),
        spread: total(minus, { of: "spread" }),
      };
    },
    value({ errors, spread }) {
      const squares = spread.subarray(2 * errors.length);
      const each = errors.map((error, i) => {
        const all = squares[i] as number;
        return all > 0 ? 1 - error / all : Number.NaN;
      });
      return sumOf(each) / each.length;
    },
  };
}
