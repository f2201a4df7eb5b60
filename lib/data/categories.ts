// Labels as numbers and back: the classes of a target, the vocabulary of a categorical column.

import { checkChoice, checkKeys } from "../check.js";
import { ArgumentError, DataError, describe } from "../errors.js";
import type { Column } from "./column.js";

/** How labels outside of those learnt are treated. */
export interface CategoriesOptions {
  /**
   * `"error"` (default): a label that was not learnt is a DataError. `"other"`: it is one more category, the last, and so is
   * a missing value.
   */
  readonly unknown?: "error" | "other";
}

/** Categories as JSON keeps them. */
export interface CategoriesJSON {
  readonly encoding: "categories";
  readonly labels: readonly string[];
  readonly unknown: "error" | "other";
}

const UNKNOWN = ["error", "other"] as const;
const ACCEPTED = '{ encoding: "categories", labels: [different strings], unknown: "error" or "other" }';

/**
 * The labels of a column, numbered. Numbers and booleans go by their text: 1 and "1" are one label.
 *
 * ```ts
 * const origins = Categories.fit(rows.map((row) => row.origin), { unknown: "other" });
 * const data = await table.dataset({ origin: { from: "origin", type: "i32", encode: origins.index } });
 * const model = new Embedding(origins.size, 8);
 * ```
 */
export class Categories {
  /** In the order of their numbers. */
  readonly labels: readonly string[];
  readonly unknown: "error" | "other";
  readonly #numbers: ReadonlyMap<string, number>;

  /** @throws ArgumentError for no labels, one that is there twice or is no string, or a wrong option. */
  constructor(labels: readonly string[], options: CategoriesOptions = {}) {
    checkKeys("Categories", options, ["unknown"]);
    this.unknown = checkChoice("Categories: 'unknown'", options.unknown ?? "error", UNKNOWN);
    const holds = Array.isArray(labels) && labels.every((label) => typeof label === "string");
    if (!holds || labels.length === 0 || new Set(labels).size !== labels.length) {
      const accepted = "different strings, one at least";
      throw new ArgumentError({ argument: "Categories: 'labels'", got: describe(labels), accepted });
    }
    this.labels = Object.freeze([...labels]);
    this.#numbers = new Map(labels.map((label, i) => [label, i]));
  }

  /**
   * Learns the labels that occur: in numeric order if all are integers, else by code unit.
   * @throws DataError for no values, or one that is no label, but for a missing one (null, undefined) with `"other"`
   */
  static fit(values: Iterable<unknown>, options: CategoriesOptions = {}): Categories {
    const labels = new Set<string>();
    for (const value of values) {
      if ((value === null || value === undefined) && options.unknown === "other") continue;
      const label = labelOf(value);
      if (label === undefined) throw noLabel(value, "a string, a number or a boolean");
      labels.add(label);
    }
    if (labels.size === 0) {
      throw new DataError({ argument: "Categories.fit", got: "no values", accepted: "one at least" });
    }
    const integers = [...labels].every(
      (label) => String(Number(label)) === label && Number.isSafeInteger(Number(label)),
    );
    const sorted = integers ? [...labels].sort((a, b) => Number(a) - Number(b)) : [...labels].sort();
    return new Categories(sorted, options);
  }

  /** @throws DataError for anything that `toJSON` has not made. */
  static fromJSON(json: unknown): Categories {
    const { encoding, labels, unknown } = (json ?? {}) as Partial<CategoriesJSON>;
    try {
      if (encoding === "categories" && labels && unknown) return new Categories(labels, { unknown });
    } catch (cause) {
      const got = describe(json);
      throw new DataError({ argument: "Categories.fromJSON", got, accepted: ACCEPTED }, { cause });
    }
    throw new DataError({ argument: "Categories.fromJSON", got: describe(json), accepted: ACCEPTED });
  }

  /** How many numbers there are: the labels, and with `"other"` one more. */
  get size(): number {
    return this.labels.length + Number(this.unknown === "other");
  }

  /** The number of a label; bound, so that it can be handed on as a function. @throws DataError for an unknown one */
  readonly index = (value: unknown): number => {
    const label = labelOf(value);
    const number = label === undefined ? undefined : this.#numbers.get(label);
    if (number !== undefined) return number;
    if (this.unknown === "other") return this.labels.length;
    const list = this.labels.slice(0, 20).join(", ");
    throw noLabel(value, this.labels.length > 20 ? `${list}, ...` : list);
  };

  /** The label of a number; undefined for that of all others. @throws DataError for a number that is none of theirs */
  label(index: number): string | undefined {
    if (Number.isInteger(index) && index >= 0 && index < this.size) return this.labels[index];
    const accepted = `an integer from 0 to ${this.size - 1}`;
    throw new DataError({ argument: "the number of a category", got: describe(index), accepted });
  }

  /** A column of numbers: i32 []. @throws DataError for an unknown label */
  transform(values: Iterable<unknown>): Column {
    return { data: Int32Array.from(values, this.index), shape: [] };
  }

  /** A column of 0 and a single 1 per example: f32 [size]. @throws DataError for an unknown label */
  oneHot(values: Iterable<unknown>): Column {
    const numbers = Array.from(values, this.index);
    const data = new Float32Array(numbers.length * this.size);
    numbers.forEach((number, i) => {
      data[i * this.size + number] = 1;
    });
    return { data, shape: [this.size] };
  }

  /** The labels of numbers, as `label`. */
  inverse(indices: ArrayLike<number>): (string | undefined)[] {
    return Array.from(indices, (index) => this.label(index));
  }

  toJSON(): CategoriesJSON {
    return { encoding: "categories", labels: this.labels, unknown: this.unknown };
  }
}

function labelOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "bigint" || typeof value === "boolean"
    ? String(value)
    : undefined;
}

const noLabel = (value: unknown, accepted: string): DataError =>
  new DataError({ argument: "a category", got: describe(value), accepted });
