// Totals over many runs of a program, in double in device memory: figures of evaluations.

import { checkChoice, checkInteger, checkKeys, checkNumber, given } from "../check.js";
import type { DeviceBuffer } from "../device/buffer.js";
import { countOf, sameShape } from "../device/dtype.js";
import { ArgumentError, DTypeError, ShapeError } from "../errors.js";
import { liftF32 } from "./arguments.js";
import { recording, type Value } from "./recorder.js";
import { reshape } from "./shape.js";
import type { Tensor } from "./tensor.js";

const FUNCTIONS = ["sum", "absolute", "squares", "spread"] as const;

/** What is added up, and where. */
export interface TotalOptions {
  /** Subtracted from x, in double: f32 of x's shape. Default: nothing. */
  readonly minus?: Value;
  /**
   * Of the differences `x - minus` their sum, that of their absolute values, or of their squares; or their spread: number, mean and
   * sum of squared distances from the mean, without cancellation (Welford 1962). Default `"sum"`.
   */
  readonly of?: (typeof FUNCTIONS)[number];
  /** The group of each row of x, i32 of as many; a row whose group is not in [0, groups) adds nothing. Default: all are in one. */
  readonly by?: Value;
  /** How many groups there are. Default 1. */
  readonly groups?: number;
  /** Factor on the differences. Default 1. */
  readonly scale?: number;
}

/** What a program adds, at each run, to totals that outlive the run. Made by `total`. */
export class Total {
  readonly x: Tensor;
  readonly of: (typeof FUNCTIONS)[number];
  readonly groups: number;
  readonly scale: number;
  readonly minus: Tensor | undefined;
  readonly by: Tensor | undefined;

  /** Internal: use `total`. */
  constructor(x: Tensor, { minus, of, by, groups, scale }: TotalOptions) {
    const lifted = liftF32("total", "x", x, "f32 (use cast)");
    this.x = lifted.rank === 0 ? reshape(lifted, [1]) : lifted;
    this.of = checkChoice("total: 'of'", given(of, "sum"), FUNCTIONS);
    this.groups = checkInteger("total: 'groups'", given(groups, 1), 1);
    this.scale = checkNumber("total: 'scale'", given(scale, 1), "a finite number", () => true);
    this.minus = minus && likeX(this.x, liftF32("total", "minus", minus, "f32 (use cast)"));
    this.by = by && groupsOf(this.x, by);
  }

  /** Doubles that it takes: `[groups, ...x.shape.slice(1)]`, of a spread `[groups, 3, ...x.shape.slice(1)]`. */
  get length(): number {
    return this.groups * (this.of === "spread" ? 3 : 1) * countOf(this.x.shape.slice(1));
  }
}

/**
 * A total over the first axis of x, f32 [n, ...], in double, over all runs: row by row, so that it does not depend on how rows were
 * cut into batches, and the same to the bit on every device. It has the shape of a row; with `by`, that of `groups` rows.
 * @throws DTypeError, ShapeError, ArgumentError for what does not fit
 */
export function total(x: Value, options: TotalOptions = {}): Total {
  checkKeys("total", options, ["minus", "of", "by", "groups", "scale"]);
  if (options.groups !== undefined && options.by === undefined) {
    throw new ArgumentError({ argument: "total: 'groups'", got: "no 'by'", accepted: "it with 'by'" });
  }
  return new Total(recording("total").lift("total: 'x'", x), options);
}

function likeX(x: Tensor, minus: Tensor): Tensor {
  const same = minus.rank === 0 ? x.length === 1 : sameShape(minus.shape, x.shape);
  if (same) return minus;
  throw new ShapeError({ argument: "total: 'minus'", got: `${minus}`, accepted: `the shape of x, ${x}` });
}

function groupsOf(x: Tensor, by: Value): Tensor {
  const groups = recording("total").lift("total: 'by'", by);
  if (groups.dtype !== "i32") {
    throw new DTypeError({ argument: "total: 'by'", got: `${groups}`, accepted: "i32 (use cast)" });
  }
  if (groups.length === x.shape[0]) return groups;
  throw new ShapeError({
    argument: "total: 'by'",
    got: `${groups} for ${x}`,
    accepted: "a group for each row of x",
  });
}

/** Records adding to `memory`, which has `length` doubles. Internal. */
export function accumulate({ x, of, groups, scale, minus, by }: Total, memory: DeviceBuffer<"f64">): void {
  const [rows = 1, ...row] = x.shape;
  const fields = { fn: of, rows, cols: countOf(row), groups, scale };
  recording("total").emit("accumulate", { ...fields, a: x, b: minus, group: by, total: memory });
}
