// Which examples are held out: seeded, and in equal shares of each class if asked.

import { checkInteger, checkKeys, checkNumber } from "../check.js";
import { ArgumentError, describe } from "../errors.js";
import type { Column, ColumnData } from "./column.js";
import { permutation } from "./shuffle.js";

/** How to hold examples out. */
export interface SplitOptions<N extends string = string> {
  /** The share held out, between 0 and 1: round(size * validation) examples. */
  readonly validation: number;
  /** Integer from 0 below 2^53. Default 0. */
  readonly seed?: number;
  /** A column of class numbers (i32 or u8, shape []): each class is held out in that share. */
  readonly stratify?: N;
}

/** Indices of the two parts of a split, each ascending. */
export interface SplitIndices {
  readonly train: Uint32Array;
  readonly validation: Uint32Array;
}

/**
 * Holds out round(size * fraction) of `size` examples. With `labels` (one per example) each class gives its share,
 * rounded so that the total stays the same: the classes with the largest remainders give one more.
 */
export function splitIndices(
  size: number,
  fraction: number,
  seed: number,
  labels?: ArrayLike<number>,
): SplitIndices {
  const order = permutation(size, { seed, use: "split" });
  const classes = new Map<number, number[]>();
  for (const index of order) {
    const label = labels?.[index] ?? 0;
    const members = classes.get(label);
    if (members) members.push(index);
    else classes.set(label, [index]);
  }

  const shares = [...classes]
    .sort(([a], [b]) => a - b)
    .map(([, members]) => {
      const exact = members.length * fraction;
      return { members, taken: Math.floor(exact), remainder: exact - Math.floor(exact) };
    });
  let missing = Math.round(size * fraction) - shares.reduce((sum, { taken }) => sum + taken, 0);
  for (const share of [...shares].sort((a, b) => b.remainder - a.remainder)) {
    if (missing-- <= 0) break;
    share.taken += 1;
  }
  return {
    train: Uint32Array.from(shares.flatMap(({ members, taken }) => members.slice(taken))).sort(),
    validation: Uint32Array.from(shares.flatMap(({ members, taken }) => members.slice(0, taken))).sort(),
  };
}

/** The examples of the two parts. @throws ArgumentError for a share that leaves a part empty, or a column without class numbers */
export function splitExamples<N extends string>(
  owner: string,
  size: number,
  columns: Readonly<Record<N, Column>>,
  options: SplitOptions<N>,
): SplitIndices {
  checkKeys(owner, options, ["validation", "seed", "stratify"]);
  const argument = `${owner}: 'validation'`;
  const between = (v: number): boolean => v > 0 && v < 1;
  const share = checkNumber(argument, options.validation, "a number between 0 and 1", between);
  const seed = checkInteger(`${owner}: 'seed'`, options.seed ?? 0, 0);
  const labels = options.stratify === undefined ? undefined : classNumbers(owner, columns, options.stratify);
  const held = Math.round(size * share);
  if (held === 0 || held === size) {
    const got = `${share}, which is ${held} of ${size} examples`;
    throw new ArgumentError({ argument, got, accepted: "a share that leaves an example in each part" });
  }
  return splitIndices(size, share, seed, labels);
}

function classNumbers<N extends string>(
  owner: string,
  columns: Readonly<Record<N, Column>>,
  name: N,
): ColumnData {
  const column = Object.hasOwn(columns, name) ? columns[name] : undefined;
  if (column && column.shape.length === 0 && !(column.data instanceof Float32Array)) return column.data;
  throw new ArgumentError({
    argument: `${owner}: 'stratify'`,
    got: describe(name),
    accepted: `a column of class numbers (i32 or u8, shape []); the columns are ${Object.keys(columns).join(", ")}`,
  });
}
