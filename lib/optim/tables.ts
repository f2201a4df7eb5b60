// The tables of an optimizer whose gradients are lists of rows, beside its dense parameters.

import { STEP } from "../device/encode.js";
import { ArgumentError } from "../errors.js";
import { add } from "../tensor/elementwise.js";
import type { Parameter } from "../tensor/parameter.js";
import { output, type Recorder } from "../tensor/recorder.js";
import { type RowContribution, type RowGradient, sortRows, sumOfRowSquares } from "../tensor/rows.js";
import type { Scalar, Tensor } from "../tensor/tensor.js";
import type { CheckedStep } from "./clip.js";
import type { RuleSetup } from "./family.js";
import type { OptimizerMemory } from "./memory.js";
import type { StepParts } from "./parts.js";
import { checkCatchUp, type SparseMode, SparseTable } from "./sparse.js";

/** A table and its group. */
export interface GroupedTable {
  readonly table: SparseTable;
  readonly group: number;
}

/** The state of each sparse parameter, in the group that has it. */
export function tablesOf(
  owner: string,
  parameters: readonly Parameter[],
  mode: SparseMode,
  groupOf: (parameter: Parameter) => number,
  setups: readonly RuleSetup[],
): GroupedTable[] {
  const taken = mode === "catchUp" && parameters.find(({ beforeLookup }) => beforeLookup);
  if (taken) {
    throw new ArgumentError({
      argument: `${owner}: 'sparse'`,
      got: `"catchUp" of "${taken.name}", which another optimizer brings up to date`,
      accepted: "a table without such an optimizer: dispose it first",
    });
  }
  return parameters.map((parameter) => {
    const group = groupOf(parameter);
    const { rule, hyper, weightDecay, initialState } = setups[group] as RuleSetup;
    if (mode === "catchUp" && rule === "adam") {
      const [decoupled, beta1, beta2] = hyper as [number, number, number];
      checkCatchUp(owner, { betas: [beta1, beta2], weightDecay, decoupled: decoupled !== 0 });
    }
    return { table: new SparseTable(parameter, rule, mode, initialState), group };
  });
}

/**
 * Refuses a step that takes more than all of a row of a table that is caught up: what is left after many such steps would change
 * its sign with each, and is no power. `hyper` are the hyper-parameters of the groups, lr and weight decay first.
 */
export function checkDecay(owner: string, tables: readonly GroupedTable[], hyper: readonly number[][]): void {
  for (const { table, group } of tables) {
    const [lr, weightDecay] = hyper[group] as [number, number];
    if (table.mode !== "catchUp" || lr * weightDecay <= 1) continue;
    throw new ArgumentError({
      argument: `${owner}: lr * weightDecay of "${table.parameter.name}"`,
      got: `${lr} * ${weightDecay}`,
      accepted: '1 at most with sparse: "catchUp"',
    });
  }
}

/** Refuses tables where gradients have to be in a buffer. */
export function refuseTables(argument: string, tables: readonly GroupedTable[], accepted: string): void {
  const [first] = tables;
  if (!first) return;
  const got = `the sparse table "${first.table.parameter.name}", whose gradient is in no buffer`;
  throw new ArgumentError({ argument, got, accepted });
}

/** Refuses what a step cannot do to tables. */
export function checkTables(owner: string, step: CheckedStep, trustRatio: boolean): void {
  const { adaptive, tensorNorm, updateRms } = step.clip;
  const got =
    tensorNorm !== undefined
      ? "clip.tensorNorm"
      : updateRms !== undefined
        ? "clip.updateRms"
        : trustRatio
          ? "a trust ratio"
          : adaptive
            ? "clip.adaptive"
            : undefined;
  if (got === undefined) return;
  throw new ArgumentError({
    argument: owner,
    got: `${got} with sparse tables`,
    accepted: "dense parameters",
  });
}

/** The gradients of the tables in one step, and the sum of their squares. */
export interface TableGradients {
  readonly rows: readonly (RowGradient | undefined)[];
  readonly squares: Scalar | undefined;
}

/** Records the sorting of what the lookups of a step add to each table, those of the parts before this one first. */
export function sortTables(
  recorder: Recorder,
  tables: readonly GroupedTable[],
  contributions: readonly (readonly RowContribution[])[],
  parts?: StepParts,
): TableGradients {
  const rows =
    parts?.end(recorder, contributions) ??
    tables.map(({ table }, i) => sortRows(table.parameter, contributions[i] ?? []));
  let squares: Tensor | undefined;
  for (const gradient of rows) {
    if (!gradient) continue;
    const own = sumOfRowSquares(gradient);
    squares = squares ? add(squares, own) : own;
  }
  return { rows, squares: squares as Scalar | undefined };
}

/** Records the updates of the tables, after `advance`; with `watch` the sums of what they do, at the steps that watch. */
export function recordTables(
  recorder: Recorder,
  memory: OptimizerMemory,
  tables: readonly GroupedTable[],
  { rows }: TableGradients,
  watch: boolean,
): void {
  const { prepared, running, plan } = memory;
  const size = running.length / plan.groups;
  tables.forEach(({ table, group }, i) => {
    const gradient = rows[i];
    const scalars = { prepared, groups: plan.groups, group };
    const update = (): void =>
      table.record(recorder, gradient, { ...scalars, running: running.view(group * size, [size]) });
    if (watch && gradient) recordWatched(recorder, memory, table, gradient, update);
    else update();
  });
}

/** An update with what it is watched by before and after it. */
function recordWatched(
  recorder: Recorder,
  memory: OptimizerMemory,
  { parameter }: SparseTable,
  gradient: RowGradient,
  update: () => void,
): void {
  const { device, prepared } = memory;
  const { rows, dim } = gradient;
  const [kept, partial] = [output([rows, dim]), recorder.full([STEP.sums, rows], 0)];
  const watched = { ...gradient, prepared, p: parameter.value, kept, partial };
  recorder.emit("watchRows", { after: false, ...watched });
  update();
  recorder.emit("watchRows", { after: true, ...watched });
  // The runs are folded as if each were a tile of one segment.
  const segment = BigInt64Array.of(0n, BigInt(rows * STEP.tile), 0n, 0n, 0n, 0n);
  const segments = memory.shared(`a segment of ${rows}`, () => device.from(new Uint8Array(segment.buffer)));
  const totals = memory.shared("totals of a table", () => device.alloc("f32", [STEP.sums]));
  const sums = memory.tableSums(parameter);
  const folded = {
    count: 1,
    tilesInAll: rows,
    columns: STEP.sums,
    segments,
    prepared,
    partial,
    sums,
    totals,
  };
  recorder.emit("foldSums", folded);
}
