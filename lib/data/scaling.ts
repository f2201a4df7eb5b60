// Columns scaled for training and back: to mean 0 and deviation 1, or into a range.

import { checkChoice, checkKeys } from "../check.js";
import { ArgumentError, DataError, describe, ShapeError } from "../errors.js";
import { type Column, lengthOf } from "./column.js";
import { Dataset } from "./dataset.js";
import { merged, type Statistics, statisticsOf } from "./statistics.js";

/** How a column is scaled. */
export interface ScalingOptions {
  /** `"standard"` (default): to mean 0 and deviation 1 (of the population). `"minMax"`: so that `range` holds the values. */
  readonly method?: "standard" | "minMax";
  /** Where the smallest and the largest value come to lie, for `"minMax"`. Default [0, 1]. */
  readonly range?: readonly [low: number, high: number];
}

/** A scaling as JSON keeps it. */
export interface ScalingJSON {
  readonly encoding: "scaling";
  readonly shift: readonly number[];
  readonly scale: readonly number[];
}

const METHODS = ["standard", "minMax"] as const;

/**
 * Scales each value of an example by numbers of its own: (value - shift) / scale. What it knows it learnt from the
 * training data alone; it is saved with the model (`encodings`), so that whoever uses the model scales as it did.
 *
 * ```ts
 * const scaling = Scaling.fit(train.columns.x);
 * const [a, b] = [train, test].map((part) => scaled(part, { x: scaling }));
 * ```
 *
 * A value that never changes in the training data is shifted only.
 */
export class Scaling {
  /** Per value of an example. */
  readonly shift: Float64Array;
  /** Per value of an example; none is 0. */
  readonly scale: Float64Array;

  /** @throws ArgumentError for numbers that are not finite, a scale of 0, or as many of one as not of the other. */
  constructor(shift: ArrayLike<number>, scale: ArrayLike<number>) {
    this.shift = Float64Array.from(shift, (v) => v + 0); // not -0, which JSON does not have
    this.scale = Float64Array.from(scale);
    const holds = this.shift.every(Number.isFinite) && this.scale.every((v) => Number.isFinite(v) && v !== 0);
    if (holds && this.shift.length === this.scale.length && this.shift.length > 0) return;
    const accepted = "as many finite numbers in each, no scale of 0";
    const got = `${describe([...this.shift])} and ${describe([...this.scale])}`;
    throw new ArgumentError({ argument: "Scaling: 'shift' and 'scale'", got, accepted });
  }

  /**
   * Learns from a column.
   * @throws ArgumentError for a wrong option; DataError for no examples, or a value that is not finite
   */
  static fit(column: Column, options: ScalingOptions = {}): Scaling {
    checkScaling(options);
    return scalingOf(statisticsOf(column), options);
  }

  /**
   * Learns from a column that comes in parts, such as those of `table.chunks`.
   * @throws as `fit`, and ShapeError for parts of different shapes
   */
  static async fitParts(
    columns: Iterable<Column> | AsyncIterable<Column>,
    options: ScalingOptions = {},
  ): Promise<Scaling> {
    checkScaling(options);
    let all: Statistics | undefined;
    for await (const column of columns) {
      const own = statisticsOf(column);
      all = all ? merged(all, own) : own;
    }
    return scalingOf(all, options);
  }

  /** @throws DataError for anything that `toJSON` has not made. */
  static fromJSON(json: unknown): Scaling {
    const { encoding, shift, scale } = (json ?? {}) as Partial<ScalingJSON>;
    const numbers = (list: unknown): list is number[] =>
      Array.isArray(list) && list.every((value) => typeof value === "number");
    const fail = (cause?: unknown): DataError => {
      const accepted = '{ encoding: "scaling", shift: [numbers], scale: [numbers but 0] }';
      return new DataError({ argument: "Scaling.fromJSON", got: describe(json), accepted }, { cause });
    };
    if (encoding !== "scaling" || !numbers(shift) || !numbers(scale)) throw fail();
    try {
      return new Scaling(shift, scale);
    } catch (cause) {
      throw fail(cause);
    }
  }

  /** Scales a column; the result is f32. @throws ShapeError for examples of another length */
  transform({ data, shape }: Column): Column {
    const width = this.#widthOf(shape);
    const { shift, scale } = this;
    return {
      data: Float32Array.from(data, (v, i) => (v - at(shift, i % width)) / at(scale, i % width)),
      shape,
    };
  }

  /** What was scaled, in its own unit again, but for rounding; f32. @throws ShapeError for examples of another length */
  inverse({ data, shape }: Column): Column {
    const width = this.#widthOf(shape);
    const { shift, scale } = this;
    return {
      data: Float32Array.from(data, (v, i) => v * at(scale, i % width) + at(shift, i % width)),
      shape,
    };
  }

  toJSON(): ScalingJSON {
    return { encoding: "scaling", shift: [...this.shift], scale: [...this.scale] };
  }

  #widthOf(shape: readonly number[]): number {
    const width = lengthOf(shape);
    if (width === this.shift.length) return width;
    const accepted = `examples of ${this.shift.length} values, as those learnt from`;
    throw new ShapeError({ argument: "Scaling", got: `the shape [${shape.join(", ")}]`, accepted });
  }
}

/** A dataset with some of its columns scaled. @throws ShapeError for examples of another length */
export function scaled<N extends string>(
  dataset: Dataset<N>,
  scalings: Readonly<Partial<Record<N, Scaling>>>,
): Dataset<N> {
  const columns = dataset.names.map((name) => {
    const column = dataset.columns[name];
    return [name, scalings[name]?.transform(column) ?? column] as const;
  });
  return new Dataset(Object.fromEntries(columns) as Record<N, Column>);
}

function checkScaling(options: ScalingOptions): void {
  checkKeys("Scaling.fit", options, ["method", "range"]);
  const { method, range } = options;
  if (method !== undefined) checkChoice("Scaling.fit: 'method'", method, METHODS);
  if (range === undefined) return;
  const numbers = Array.isArray(range) && range.length === 2 && range.every(Number.isFinite);
  if (method === "minMax" && numbers && at(range, 0) < at(range, 1)) return;
  const accepted = `[low, high], finite and ascending, with method "minMax"`;
  throw new ArgumentError({ argument: "Scaling.fit: 'range'", got: describe(range), accepted });
}

function scalingOf(
  all: Statistics | undefined,
  { method = "standard", range = [0, 1] }: ScalingOptions,
): Scaling {
  if (!all || all.count === 0) {
    throw new DataError({ argument: "Scaling.fit", got: "no examples", accepted: "one at least" });
  }
  const { count, mean, squares, low, high } = all;
  // Not whether the squares are 0: the mean of equal numbers may differ from them in its last bit.
  const constant = low.map((v, j) => Number(v === at(high, j)));
  if (method === "standard") {
    const scale = squares.map((sum, j) => (at(constant, j) ? 1 : Math.sqrt(sum / count)));
    return new Scaling(
      mean.map((v, j) => (at(constant, j) ? at(low, j) : v)),
      scale,
    );
  }
  const [from, to] = range;
  const scale = low.map((v, j) => (at(constant, j) ? 1 : (at(high, j) - v) / (to - from)));
  return new Scaling(
    low.map((v, j) => v - from * at(scale, j)),
    scale,
  );
}

function at(values: ArrayLike<number>, index: number): number {
  return values[index] as number;
}
