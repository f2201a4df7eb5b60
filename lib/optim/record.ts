// The operations of one step, in their order. Everything that a step decides by is on the device: nothing waits.

import type { DeviceBuffer } from "../device/buffer.js";
import { STEP } from "../device/encode.js";
import { add, sqrt } from "../tensor/elementwise.js";
import type { NodeField, Recorder } from "../tensor/recorder.js";
import { concat, reshape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { asScalar, type Scalar } from "../tensor/tensor.js";
import { type AdaptiveClipOptions, recordAdaptiveClip } from "./adaptive.js";
import { type Composition, Gathered } from "./compose.js";
import type { OptimizerMemory, RunMemory } from "./memory.js";
import { ringsOf, runningRing } from "./snapshots.js";

/** What a step does beyond the update. */
export interface StepPlan {
  readonly rule: string;
  /** Keys of stochastic rounding. */
  readonly seed: number;
  /** Whether the norm of the gradient has to be known before the update. */
  readonly needsNorm: boolean;
  /** Whether the update sums up the squares of the gradient at every step, for telemetry and for a norm that is not needed before. */
  readonly watchGradient: boolean;
  /** Limit on the gradient of each unit of a layer. */
  readonly adaptive: Required<AdaptiveClipOptions> | undefined;
  /** Whether gradients are those of a scaled loss. */
  readonly scaled: boolean;
  /** Norm to which the gradient of each parameter is scaled down. */
  readonly tensorNorm: number | undefined;
  /** Root mean square, in units of lr, to which the update of each parameter is scaled down. */
  readonly updateRms: number | undefined;
  /** Whether the update is scaled by the trust ratio of each parameter. */
  readonly trustRatio: boolean;
  /** Whether the rule takes sums over all parameters, which it measures, before the update. */
  readonly measures: boolean;
  /** Of each group, if the rule gathers. */
  readonly compositions: readonly (Composition | undefined)[];
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
  const step = { recorder, memory, plan };
  if (plan.slots > 0) memory.holdBeside(recorder.statistics);
  if (plan.adaptive) recordAdaptiveClip(recorder, memory, plan.adaptive, plan.scaled);
  if (plan.needsNorm) {
    recordGradientSums(step);
    recordFold(step, STEP.gradientSums);
  }
  recordAdvance(step);
  const factors =
    plan.tensorNorm === undefined ? undefined : recordSettle(step, "gradientNorm", plan.tensorNorm);
  recordSnapshots(step);
  const scales = recordMeasures(step, factors);
  recordCompositions(step, factors);
  recordUpdate(step, { factors, scales });
  recordWatched(step);
  return recordGradNorm(step);
}

/** What all parts of a step are recorded from. */
interface Step {
  readonly recorder: Recorder;
  readonly memory: OptimizerMemory;
  readonly plan: StepPlan;
}

/** Decides on the step and prepares its scalars. */
function recordAdvance({ recorder, memory, plan }: Step): void {
  const { rule, slots, hyper, settings, loss } = plan;
  const { running, guard, prepared, norm, totals: dense } = memory;
  const groups = memory.plan.groups;
  const snapshots = slots > 0 ? runningRing(memory, slots) : undefined;
  const totals = plan.needsNorm ? withRows(recorder, dense, plan.rowSquares) : undefined;
  const words = { hyper, running, settings, guard, snapshots, loss, totals, norm, prepared };
  recorder.emit("advance", { rule, groups, slots, ...words });
}

/** A factor for each parameter, by its sums. */
function recordSettle({ recorder, memory, plan }: Step, fn: string, limit: number, sums = memory.sums) {
  const count = memory.layout.segments.length;
  const { table: segments, prepared } = memory;
  const factors = memory.shared(fn, () => memory.device.alloc("f32", [count]));
  const { rule } = plan;
  const fields = { fn, rule, count, groups: memory.plan.groups, limit, segments, sums, prepared, factors };
  recorder.emit("settle", fields);
  return factors;
}

/** Of tables too: what their lookups have caught up is consistent in itself. */
function recordSnapshots({ recorder, memory, plan: { slots } }: Step): void {
  if (slots === 0) return;
  const { prepared } = memory;
  for (const [, { data, ring }] of ringsOf(memory, slots))
    recorder.emit("snapshot", { bytes: data.byteLength, slots, prepared, data, ring });
}

/** What the update needs to know of itself before it is made; gives the factor on it for each parameter, if there is one. */
function recordMeasures(step: Step, factors: Factors): Factors {
  const { recorder, memory, plan } = step;
  const { rule, hyper, measures, trustRatio, updateRms } = plan;
  if (!measures && !trustRatio && updateRms === undefined) return undefined;
  recordUpdate(step, { factors, measure: true });
  const measured = measuredOf(memory);
  recordFold(step, STEP.sums, measured);
  if (measures) {
    const { running, prepared } = memory;
    recorder.emit("estimate", { rule, hyper, totals: measured.totals, running, prepared });
    return undefined;
  }
  return trustRatio
    ? recordSettle(step, "trustRatio", 0, measured.sums)
    : recordSettle(step, "updateRms", updateRms ?? 0, measured.sums);
}

/** The updates of rules that are made of other operations, from states that are gathered first. */
function recordCompositions(step: Step, factors: Factors): void {
  const { recorder, memory, plan } = step;
  if (plan.compositions.every((one) => one === undefined)) return;
  recordUpdate(step, { factors, gather: true });
  for (const place of memory.places()) {
    const composition = plan.compositions[place.segment.group];
    if (composition) new Gathered(recorder, memory, place).record(composition);
  }
}

/** Sums up what is watched. */
function recordWatched(step: Step): void {
  const { plan, memory } = step;
  if (plan.watchGradient) {
    // The sums before the update are of the scaled gradient, and a step that is skipped has no update to make others.
    if (plan.needsNorm) recordGradientSums(step, memory.prepared);
    recordFold(step, STEP.gradientSums);
  }
  if (plan.watch) recordFold(step, STEP.sums, { prepared: memory.prepared });
}

function recordGradNorm({ recorder, memory: { norm, totals }, plan }: Step): Scalar {
  if (plan.needsNorm) return asScalar(reshape(recorder.lift("minimize: the norm", norm), []));
  const square = reshape(recorder.lift("minimize: the norm", totals.view(0, [1])), []);
  return asScalar(sqrt(plan.rowSquares ? add(square, plan.rowSquares) : square));
}

/** A factor for each parameter, if there is one. */
type Factors = DeviceBuffer<"f32"> | undefined;

/** What an update does but for the rule's own. */
interface UpdateKind {
  /** On the gradient, and on the update. */
  readonly factors: Factors;
  readonly scales?: Factors;
  readonly measure?: boolean;
  readonly gather?: boolean;
}

function recordUpdate({ recorder, memory, plan }: Step, kind: UpdateKind): void {
  for (const run of memory.runs)
    recorder.emit("update", { ...updateOf(memory, run, plan), measure: false, gather: false, ...kind });
}

/** The sums over each tile of the gradients; with `prepared`, as the operation has it. */
function recordGradientSums({ recorder, memory }: Step, prepared?: DeviceBuffer): void {
  for (const run of memory.runs)
    recorder.emit("gradientSums", { ...tilesOf(memory, run), ...gradientOf(run), prepared });
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

/** Where what is measured before the update is summed up: telemetry reads `sums`, which are of the update itself. */
function measuredOf(memory: OptimizerMemory) {
  const like = (name: string, { length }: DeviceBuffer): DeviceBuffer<"f32"> =>
    memory.shared(name, () => memory.device.alloc("f32", [length]));
  return { sums: like("measured sums", memory.sums), totals: like("measured totals", memory.totals) };
}

/** Sums of tiles to sums of segments and of all; with `prepared` only at steps that watch. */
function recordFold(
  { recorder, memory }: Step,
  columns: number,
  { prepared, sums, totals }: { readonly [name in "prepared" | "sums" | "totals"]?: DeviceBuffer } = {},
): void {
  const { layout, table, partial } = memory;
  const fields = {
    count: layout.segments.length,
    tilesInAll: layout.tiles,
    columns,
    segments: table,
    prepared,
    partial,
    sums: sums ?? memory.sums,
    totals: totals ?? memory.totals,
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
