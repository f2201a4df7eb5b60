// Reverse mode: the gradient of a scalar, recorded as further operations on the same list.

import { ArgumentError, DTypeError, ShapeError } from "../errors.js";
import { add } from "./elementwise.js";
import { type Derived, type Recorder, recording, type Value } from "./recorder.js";
import { type RowContribution, refuseDense } from "./rows.js";
import type { Tensor } from "./tensor.js";

/**
 * Gradients of `loss` (f32, shape `[]`) with respect to each of `targets`; zeros for one that the loss does not depend on.
 * Recorded inside `device.program(...)`. Gradients themselves have no gradient.
 * @throws ArgumentError for what would be silently wrong: a loss that depends on a gradient, a parameter that an update
 * overwrote after the loss had used it, a view that shares a part of a target.
 */
export function gradients(loss: Tensor, targets: readonly Value[]): Tensor[] {
  return rowGradients(loss, targets, []).dense;
}

/** Gradients, those of tables as what each lookup adds, in the order of use. */
export interface RowGradients {
  readonly dense: Tensor[];
  readonly sparse: (readonly RowContribution[])[];
}

/**
 * As `gradients`, and for each of `tables` what the lookups in the loss add to which of its rows: nothing of the size of
 * the table is made.
 * @throws ArgumentError for a table that the loss uses in an operation that is no lookup
 */
export function rowGradients(
  loss: Tensor,
  targets: readonly Value[],
  tables: readonly Value[],
): RowGradients {
  const recorder = recording("gradients");
  const { dtype, rank } = recorder.lift("gradients: 'loss'", loss);
  if (dtype !== "f32") throw new DTypeError({ argument: "gradients: 'loss'", got: dtype, accepted: "f32" });
  if (rank !== 0) {
    throw new ShapeError({ argument: "gradients: 'loss'", got: `${loss}`, accepted: "a scalar, shape []" });
  }
  const dense = targets.map((target) => recorder.lift("gradients: 'targets'", target));
  const sparse = tables.map((table) => recorder.lift("gradients: 'tables'", table));
  const contributions = new Map(sparse.map((table): [Tensor, RowContribution[]] => [table, []]));
  const wanted = [...dense, ...sparse];
  checkTargets(wanted);
  const count = recorder.derived.length;
  const relevant = new Set<Tensor>(wanted);
  for (const { results, args } of recorder.derived) {
    if (args.some((arg) => relevant.has(arg))) for (const result of results) relevant.add(result);
  }

  const reached = new Set<Tensor>([loss]); // what the loss depends on
  const sums = new Map<Tensor, Tensor>([[loss, recorder.full([], 1)]]);
  for (let place = count - 1; place >= 0; place--) {
    const derived = recorder.derived[place] as Derived;
    if (!derived.results.some((result) => reached.has(result))) continue;
    checkArguments(recorder, derived, place, wanted);
    for (const arg of derived.args) reached.add(arg);
    if (!derived.args.some((arg) => relevant.has(arg))) continue;
    const incoming = derived.results.map((result) => sums.get(result) ?? recorder.full(result.shape, 0));
    for (const [arg, record, rows] of derived.gradient(incoming)) {
      if (!relevant.has(arg)) continue;
      const list = contributions.get(arg);
      if (list) {
        list.unshift(rows ? rows() : refuseDense(arg));
        continue;
      }
      const [sum, gradient] = [sums.get(arg), record()];
      sums.set(arg, sum ? add(sum, gradient) : gradient);
    }
  }
  recorder.derived.length = count; // what the gradients record is not differentiated
  const results = dense.map((target) => sums.get(target) ?? recorder.full(target.shape, 0));
  const lists = sparse.map((table) => contributions.get(table) ?? []);
  for (const gradient of [...results, ...lists.flat().map(({ values }) => values)])
    recorder.opaque.add(gradient);
  return { dense: results, sparse: lists };
}

function refuse(got: string, accepted: string): never {
  throw new ArgumentError({ argument: "gradients", got, accepted });
}

function checkTargets(wanted: readonly Tensor[]): void {
  for (const target of wanted) {
    if (target.constant !== undefined)
      refuse(`the constant ${target.constant} as a target`, "tensors that can change");
  }
}

/** What the loss depends on must still be what it was, and be seen as what it is. */
function checkArguments(
  recorder: Recorder,
  { args }: Derived,
  place: number,
  wanted: readonly Tensor[],
): void {
  for (const arg of args) {
    if (recorder.opaque.has(arg)) refuse("a loss that depends on a gradient", "first-order gradients");
    const { external } = arg.memory;
    if (!external) continue;
    if ((recorder.written.get(external.native) ?? -1) > place) {
      refuse(
        `a loss that used ${external} before an update wrote it`,
        "all gradients before the first update",
      );
    }
    const partial = wanted.find(
      ({ memory }) => memory !== arg.memory && memory.external && overlap(memory.external, external),
    );
    if (partial)
      refuse(`a loss that uses a view of the target ${partial}`, "the whole target, cut by reshape or slice");
  }
}

type Block = NonNullable<Tensor["memory"]["external"]>;

function overlap(a: Block, b: Block): boolean {
  const apart = a.byteOffset + a.byteLength <= b.byteOffset || b.byteOffset + b.byteLength <= a.byteOffset;
  return a.native === b.native && !apart;
}
