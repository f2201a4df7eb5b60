// The operations of one step, in their order. Everything that a step decides by is on the device: nothing waits.

import type { DeviceBuffer } from "../device/buffer.js";
import { STEP } from "../device/encode.js";
import { add, sqrt } from "../tensor/elementwise.js";
import type { NodeField, Recorder } from "../tensor/recorder.js";
import { concat, reshape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { asScalar, type Scalar } from "../tensor/tensor.js";
import type { OptimizerMemory, RunMemory } from "./memory.js";

/** What a step does beyond the update. */
export interface StepPlan {
  readonly rule: string;
  /** Keys of stochastic rounding. */
  readonly seed: number;
  /** Whether the norm of the gradient has to be known before the update. */
  readonly needsNorm: boolean;
  /** Norm to which the gradient of each parameter is scaled down. */
  readonly tensorNorm: number | undefined;
  /** Root mean square, in units of lr, to which the update of each parameter is scaled down. */
  readonly updateRms: number | undefined;
  /** Whether the update is scaled by the trust ratio of each parameter. */
  readonly trustRatio: boolean;
  /** Whether everything there is to watch is summed at some steps. */
  readonly watch: boolean;
  /** Snapshots that are kept. */
  readonly slots: number;
  /** Sum of the squares of gradients that are lists of rows. */
  readonly rowSquares: Scalar | undefined;
  readonly loss: Tensor | undefined;
  readonly hyper: Tensor;
  readonly settings: Tensor;
}

/** Records one step; gives the norm of the gradient, before clipping. */
export function recordStep(recorder: Recorder, memory: OptimizerMemory, plan: StepPlan): Scalar {
  const { rule, slots } = plan;
  const { device, layout, running, guard, prepared, norm, totals } = memory;
  const groups = memory.plan.groups;
  if (plan.needsNorm) {
    for (const run of memory.runs)
      recorder.emit("gradientSums", { ...tilesOf(memory, run), ...gradientOf(run) });
    recordFold(recorder, memory, STEP.gradientSums);
  }
  const ringOf = (): DeviceBuffer<"f64"> => device.alloc("f64", [slots * running.length]);
  const snapshots = slots > 0 ? memory.shared(`${slots} running`, ringOf, "snapshots") : undefined;
  const { hyper, settings, loss } = plan;
  const known = plan.needsNorm ? withRows(recorder, totals, plan.rowSquares) : undefined;
  const words = { hyper, running, settings, guard, snapshots, loss, totals: known, norm, prepared };
  recorder.emit("advance", { rule, groups, slots, ...words });

  const count = layout.segments.length;
  const settle = (fn: string, limit: number): DeviceBuffer<"f32"> => {
    const factors = memory.shared(fn, () => device.alloc("f32", [count]));
    const fields = {
      fn,
      rule,
      count,
      groups,
      limit,
      segments: memory.table,
      sums: memory.sums,
      prepared,
      factors,
    };
    recorder.emit("settle", fields);
    return factors;
  };
  const factors = plan.tensorNorm === undefined ? undefined : settle("gradientNorm", plan.tensorNorm);
  const update = (run: RunMemory, measure: boolean, scales?: DeviceBuffer<"f32">): void =>
    recorder.emit("update", { ...updateOf(memory, run, plan), measure, factors, scales });
  let scales: DeviceBuffer<"f32"> | undefined;
  if (plan.trustRatio || plan.updateRms !== undefined) {
    for (const run of memory.runs) update(run, true);
    recordFold(recorder, memory, STEP.sums);
    scales = plan.trustRatio ? settle("trustRatio", 0) : settle("updateRms", plan.updateRms ?? 0);
  }
  if (slots > 0) for (const run of memory.runs) recordSnapshots(recorder, memory, run, slots);
  for (const run of memory.runs) update(run, false, scales);

  if (!plan.needsNorm) recordFold(recorder, memory, STEP.gradientSums);
  if (plan.watch) recordFold(recorder, memory, STEP.sums, prepared);
  if (plan.needsNorm) return asScalar(reshape(recorder.lift("minimize: the norm", norm), []));
  const square = reshape(recorder.lift("minimize: the norm", totals.view(0, [1])), []);
  return asScalar(sqrt(plan.rowSquares ? add(square, plan.rowSquares) : square));
}

/** The sums over all dense gradients, with those of rows. */
function withRows(
  recorder: Recorder,
  totals: DeviceBuffer<"f32">,
  squares: Scalar | undefined,
): Tensor | DeviceBuffer {
  if (!squares) return totals;
  const [first, rest] = [totals.view(0, [1]), totals.view(1, [STEP.sums - 1])];
  const sum = add(recorder.lift("minimize: the norm", first), reshape(squares, [1]));
  return concat([sum, recorder.lift("minimize: the norm", rest)]);
}

type Fields = Record<string, NodeField>;

/** The part of the table that a run has, and its tiles among all. */
function tilesOf({ table, layout, partial }: OptimizerMemory, { run }: RunMemory): Fields {
  const { firstTile, tiles } = run;
  const count = run.segments.length;
  const row = STEP.segment * 8;
  const segments = table.view(run.firstSegment * row, [count * row]);
  return { count, firstTile, tiles, tilesInAll: layout.tiles, segments, partial };
}

function gradientOf({ gradient }: RunMemory): Fields {
  return { dtype: gradient.dtype, gSize: gradient.length, g: gradient };
}

/** Sums of tiles to sums of segments and of all; with `prepared` only at steps that watch. */
function recordFold(
  recorder: Recorder,
  { layout, table, partial, sums, totals }: OptimizerMemory,
  columns: number,
  prepared?: DeviceBuffer,
): void {
  const count = layout.segments.length;
  const fields = {
    count,
    tilesInAll: layout.tiles,
    columns,
    segments: table,
    prepared,
    partial,
    sums,
    totals,
  };
  recorder.emit("foldSums", fields);
}

function updateOf(memory: OptimizerMemory, run: RunMemory, { rule, seed }: StepPlan): Fields {
  const { value, length, firstSegment } = run.run;
  const states: Fields = {};
  run.states.forEach(({ data, largest }, i) => {
    states[`state${i}`] = data;
    states[`largest${i}`] = largest;
  });
  return {
    ...tilesOf(memory, run),
    ...gradientOf(run),
    ...states,
    rule,
    seed: seed + firstSegment,
    stateType: memory.plan.precision,
    groups: memory.plan.groups,
    firstSegment,
    pSize: value.length,
    p: value,
    stateSize: length,
    prepared: memory.prepared,
    average: run.average,
    copy: run.copy,
  };
}

function recordSnapshots(
  recorder: Recorder,
  memory: OptimizerMemory,
  { run, states, average, copy }: RunMemory,
  slots: number,
): void {
  const kept = states.flatMap(({ data, largest }) => (largest ? [data, largest] : [data]));
  const made = [average, copy].filter((buffer) => buffer !== undefined);
  for (const [i, data] of [run.value, ...kept, ...made].entries()) {
    const bytes = data.byteLength;
    const name = `${slots} of ${run.firstSegment}.${i}`;
    const ring = memory.shared(
      name,
      () => memory.device.allocUninitialized("u8", [slots * bytes]),
      "snapshots",
    );
    recorder.emit("snapshot", { bytes, slots, prepared: memory.prepared, data, ring });
  }
}
