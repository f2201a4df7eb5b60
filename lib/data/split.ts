// Which examples are held out: seeded, and in equal shares of each class if asked.

import { permutation } from "./shuffle.js";

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
