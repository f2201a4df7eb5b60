// The tables of an optimizer whose gradients are lists of rows, beside its dense parameters.

import { ArgumentError } from "../errors.js";
import { add } from "../tensor/elementwise.js";
import type { Parameter } from "../tensor/parameter.js";
import type { Recorder } from "../tensor/recorder.js";
import { type RowContribution, type RowGradient, sortRows, sumOfRowSquares } from "../tensor/rows.js";
import type { Scalar, Tensor } from "../tensor/tensor.js";
import type { CheckedStep } from "./clip.js";
import type { RuleSetup } from "./family.js";
import { slotsOf } from "./guard.js";
import type { OptimizerMemory } from "./memory.js";
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

/** Refuses what a step cannot do to tables. */
export function checkTables(owner: string, step: CheckedStep, trustRatio: boolean): void {
  const { tensorNorm, updateRms } = step.clip;
  const got =
    tensorNorm !== undefined
      ? "clip.tensorNorm"
      : updateRms !== undefined
        ? "clip.updateRms"
        : trustRatio
          ? "a trust ratio"
          : slotsOf(step.guard) > 0
            ? 'a guard with "rollback"'
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

/** Records the sorting of what the lookups of a step add to each table. */
export function sortTables(
  tables: readonly GroupedTable[],
  contributions: readonly (readonly RowContribution[])[],
): TableGradients {
  const rows = tables.map(({ table }, i) => sortRows(table.parameter, contributions[i] ?? []));
  let squares: Tensor | undefined;
  for (const gradient of rows) {
    if (!gradient) continue;
    const own = sumOfRowSquares(gradient);
    squares = squares ? add(squares, own) : own;
  }
  return { rows, squares: squares as Scalar | undefined };
}

/** Records the updates of the tables, after `advance`. */
export function recordTables(
  recorder: Recorder,
  memory: OptimizerMemory,
  tables: readonly GroupedTable[],
  { rows }: TableGradients,
): void {
  const { prepared, running, plan } = memory;
  const size = running.length / plan.groups;
  tables.forEach(({ table, group }, i) => {
    const scalars = { prepared, groups: plan.groups, group };
    table.record(recorder, rows[i], { ...scalars, running: running.view(group * size, [size]) });
  });
}
