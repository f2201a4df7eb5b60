// Mean, deviation and range of each value of an example, in double, over columns that may come in parts.

import { DataError, ShapeError } from "../errors.js";
import { type Column, lengthOf } from "./column.js";

/** What is known of the values of examples; arrays are of the length of one example. */
export interface Statistics {
  /** Examples. */
  readonly count: number;
  readonly mean: Float64Array;
  /** Sum of squared differences from the mean. */
  readonly squares: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
}

const at = (values: ArrayLike<number>, index: number): number => values[index] as number;

/**
 * Statistics of a column, by two passes.
 * @throws DataError for a value that is not finite
 */
export function statisticsOf({ data, shape }: Column): Statistics {
  const width = lengthOf(shape);
  const count = data.length / width;
  const [mean, squares] = [new Float64Array(width), new Float64Array(width)];
  const low = new Float64Array(width).fill(Number.POSITIVE_INFINITY);
  const high = new Float64Array(width).fill(Number.NEGATIVE_INFINITY);
  for (let i = 0, j = 0; i < data.length; i++, j = j + 1 === width ? 0 : j + 1) {
    const value = at(data, i);
    if (!Number.isFinite(value)) {
      throw new DataError({
        argument: `value ${i} of a column`,
        got: String(value),
        accepted: "a finite number",
      });
    }
    mean[j] = at(mean, j) + value;
    if (value < at(low, j)) low[j] = value;
    if (value > at(high, j)) high[j] = value;
  }
  if (count > 0) for (let j = 0; j < width; j++) mean[j] = at(mean, j) / count;
  for (let i = 0, j = 0; i < data.length; i++, j = j + 1 === width ? 0 : j + 1) {
    squares[j] = at(squares, j) + (at(data, i) - at(mean, j)) ** 2;
  }
  return { count, mean, squares, low, high };
}

/** Statistics of two columns as of one (Chan, Golub, LeVeque 1979). @throws ShapeError for examples of other lengths */
export function merged(a: Statistics, b: Statistics): Statistics {
  if (a.mean.length !== b.mean.length) {
    const [got, accepted] = [`examples of ${b.mean.length} values`, `${a.mean.length}, as those before`];
    throw new ShapeError({ argument: "a column of parts", got, accepted });
  }
  if (a.count === 0 || b.count === 0) return a.count === 0 ? b : a;
  const count = a.count + b.count;
  const difference = b.mean.map((mean, j) => mean - at(a.mean, j));
  return {
    count,
    mean: a.mean.map((mean, j) => mean + (at(difference, j) * b.count) / count),
    squares: a.squares.map((sum, j) => {
      return sum + at(b.squares, j) + (at(difference, j) ** 2 * a.count * b.count) / count;
    }),
    low: a.low.map((low, j) => Math.min(low, at(b.low, j))),
    high: a.high.map((high, j) => Math.max(high, at(b.high, j))),
  };
}
