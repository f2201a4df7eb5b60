// A fixed set of launches that together use every kernel: what the counter table shows and the counter tests hold to
// exact figures. Sizes are multiples of every tile, so that the figures have no remainders in them.

import { RULES as SCHEMA, STEP } from "../../lib/device/encode.js";
import type { Device, DeviceBuffer } from "../../lib/index.js";
import { floats } from "../support/numbers.js";
import { PRODUCT_LAUNCHES } from "./gemm-launches.js";
import { METRIC_LAUNCHES } from "./metric-launches.js";
import { RULES } from "./rules.js";
import { SPARSE_LAUNCHES } from "./sparse-launches.js";

type Field = number | string | boolean | readonly number[];

export interface Launch {
  readonly op: string;
  /** What the table shows beside the kernel's name. */
  readonly size: string;
  readonly fields: Readonly<Record<string, Field>>;
  /** Elements of each f32 buffer; all are filled with numbers in [0.1, 1), so that none is NaN or a denormal. */
  readonly buffers: Readonly<Record<string, number>>;
  /** Buffers of another kind. */
  readonly others?: Readonly<Record<string, Int32Array | Float32Array | Float64Array | Uint8Array>>;
}

const times = (shape: readonly number[]): number => shape.reduce((p, d) => p * d, 1);

/** Parameters of an update: a tile for each of 128 warps. */
export const UPDATED = 131072;
/** Tiles that an update of UPDATED parameters has. */
export const TILES = UPDATED / STEP.tile;

/** One parameter of UPDATED elements, as core/segment.h has it. */
const segments = new Uint8Array(BigInt64Array.of(0n, BigInt(UPDATED), 0n, 0n, 0n, 0n).buffer);

/** Floats of a group's row of prepared scalars. */
export const rowOf = (rule: string): number => STEP.rowHead + (SCHEMA.get(rule)?.step ?? Number.NaN);

/** The control words of core/settings.h, then rows of 0.5. */
function prepared(rule: string, words: { watch?: number; snapshot?: number } = {}): Float32Array {
  const { watch = 0, snapshot = 0 } = words;
  const control = [0, watch, 1, Number.POSITIVE_INFINITY, 0.5, snapshot, 1, 1];
  return Float32Array.from([...control, ...new Array<number>(rowOf(rule)).fill(0.5)]);
}

const tiles = { count: 1, firstTile: 0, tiles: TILES, tilesInAll: TILES };
const sized = { pSize: UPDATED, gSize: UPDATED, stateSize: UPDATED };

/** An update of UPDATED parameters by one rule. */
export function updateLaunch(
  { rule, states }: { readonly rule: string; readonly states: number },
  { dtype = "f32", stateType = "f32", watch = 0, gather = false } = {},
): Launch {
  const bytes = { f32: 4, bf16: 2, u8: 1 } as Record<string, number>;
  const perState = Array.from({ length: states }, (_, s) => s);
  const raw = (type: string): Uint8Array => new Uint8Array((bytes[type] as number) * UPDATED).fill(0x3b);
  return {
    op: "update",
    size: `${UPDATED} ${dtype}, ${stateType} states${watch > 0 ? `, watch level ${watch}` : ""}`,
    fields: {
      ...{ rule, measure: false, gather, dtype, stateType, groups: 1, firstSegment: 0, seed: 1 },
      ...tiles,
      ...sized,
    },
    buffers: {
      partial: STEP.sums * TILES,
      ...(dtype === "f32" ? { g: UPDATED, p: UPDATED } : {}),
      ...(stateType === "f32" ? Object.fromEntries(perState.map((s) => [`state${s}`, UPDATED])) : {}),
      ...(stateType === "u8"
        ? Object.fromEntries(perState.map((s) => [`largest${s}`, UPDATED / STEP.scaleBlock]))
        : {}),
    },
    others: {
      segments,
      prepared: prepared(rule, { watch }),
      ...(dtype === "f32" ? {} : { g: raw(dtype), p: raw(dtype) }),
      ...(stateType === "f32" ? {} : Object.fromEntries(perState.map((s) => [`state${s}`, raw(stateType)]))),
    },
  };
}

const updates: Launch[] = RULES.flatMap((each) => [
  {
    op: "advance",
    size: each.rule,
    fields: { rule: each.rule, groups: 1, slots: 0 },
    buffers: { norm: 1 },
    others: {
      hyper: Float64Array.from(each.hyper),
      running: new Float64Array(each.running).fill(each.running > 1 ? 1 : 0),
      settings: new Float64Array(STEP.settings),
      guard: new Float64Array(STEP.guard).fill(1),
      prepared: prepared(each.rule),
    },
  },
  updateLaunch(each),
]);

const sums = { partial: STEP.sums * TILES, sums: STEP.sums, totals: STEP.sums };
const around: Launch[] = [
  {
    op: "gradientSums",
    size: `${UPDATED}`,
    fields: { dtype: "f32", ...tiles, gSize: UPDATED },
    buffers: { g: UPDATED, partial: STEP.sums * TILES },
    others: { segments },
  },
  {
    op: "foldSums",
    size: `${TILES} tiles`,
    fields: { count: 1, tilesInAll: TILES, columns: STEP.sums },
    buffers: sums,
    others: { segments },
  },
  {
    op: "settle",
    size: "1 segment",
    fields: { fn: "trustRatio", rule: "adam", count: 1, groups: 1, limit: 1 },
    buffers: { sums: STEP.sums, factors: 1 },
    others: { segments, prepared: prepared("adam") },
  },
  ...[128, 8192].map((cols): Launch => {
    const rows = UPDATED / cols;
    const units = new Uint8Array(BigInt64Array.of(0n, BigInt(rows), BigInt(cols), 0n, 0n).buffer);
    return {
      op: "adaptiveClip",
      size: `${rows}x${cols}`,
      fields: {
        ...{ dtype: "f32", count: 1, rows, longest: cols, pSize: UPDATED, gSize: UPDATED },
        ...{ limit: 0.01, eps: 1e-3 },
      },
      buffers: { p: UPDATED, g: UPDATED },
      others: { units },
    };
  }),
  {
    op: "estimate",
    size: "prodigy",
    fields: { rule: "prodigy" },
    buffers: { totals: STEP.sums },
    others: {
      hyper: Float64Array.from(RULES.find(({ rule }) => rule === "prodigy")?.hyper ?? []),
      running: new Float64Array(6).fill(1),
      prepared: prepared("prodigy"),
    },
  },
  {
    op: "commit",
    size: `${UPDATED}`,
    fields: { n: UPDATED },
    buffers: { x: UPDATED, y: UPDATED },
    others: { prepared: new Float32Array(STEP.control) },
  },
  {
    op: "snapshot",
    size: `${UPDATED} words`,
    fields: { bytes: 4 * UPDATED, slots: 1 },
    buffers: {},
    others: {
      prepared: prepared("adam", { snapshot: 1 }),
      data: new Uint8Array(4 * UPDATED),
      ring: new Uint8Array(4 * UPDATED),
    },
  },
];

/** A row-wise operation once with a warp and once with a block per row. */
function rowwise(
  op: string,
  matrices: readonly string[],
  perRow: readonly string[],
  fields: Launch["fields"] = {},
) {
  return [
    [64, 1024],
    [4, 8192],
  ].map(([rows = 0, cols = 0]): Launch => {
    const labels = Int32Array.from({ length: rows }, (_, i) => i);
    const others = op.startsWith("crossEntropy") ? { labels } : op === "argmax" ? { y: labels } : undefined;
    const parameters = op.startsWith("layerNorm") ? { gamma: cols, beta: cols } : {};
    return {
      op,
      size: `${rows}x${cols}`,
      fields: { rows, cols, ...fields },
      buffers: {
        ...Object.fromEntries(matrices.map((name) => [name, rows * cols])),
        ...Object.fromEntries(perRow.map((name) => [name, rows])),
        ...parameters,
      },
      ...(others ? { others } : {}),
    };
  });
}

const N = 65536;
const STRIDED = [8, 16, 32, 16];
const indices = Int32Array.from({ length: 256 }, (_, i) => (i * 37) % 64);

// Windows of 3 x 3 with a border on 8 images of 16 x 16 with 64 channels, and maxima of 2 x 2.
const images = { n: 8, h: 16, w: 16, c: 64 };
const CONVOLVED = {
  ...images,
  kernelH: 3,
  kernelW: 3,
  strideH: 1,
  strideW: 1,
  padH: 1,
  padW: 1,
  outH: 16,
  outW: 16,
};
const POOLED = {
  ...images,
  kernelH: 2,
  kernelW: 2,
  strideH: 2,
  strideW: 2,
  padH: 0,
  padW: 0,
  outH: 8,
  outW: 8,
};
const PIXELS = 8 * 16 * 16 * 64;
const windowed: Launch[] = [
  { op: "unfold", size: "3x3 of 8x16x16x64", fields: CONVOLVED, buffers: { x: PIXELS, y: 9 * PIXELS } },
  { op: "fold", size: "3x3 of 8x16x16x64", fields: CONVOLVED, buffers: { gy: 9 * PIXELS, gx: PIXELS } },
  {
    op: "maxPool",
    size: "2x2 of 8x16x16x64",
    fields: POOLED,
    buffers: { x: PIXELS, y: PIXELS / 4 },
    others: { index: new Int32Array(PIXELS / 4) },
  },
  {
    op: "maxPoolGrad",
    size: "2x2 of 8x16x16x64",
    fields: POOLED,
    buffers: { gy: PIXELS / 4, gx: PIXELS },
    others: { index: new Int32Array(PIXELS / 4) },
  },
];

const rest: Launch[] = [
  { op: "fill", size: `${N}`, fields: { dtype: "f32", n: N, value: 1 }, buffers: { y: N } },
  {
    op: "cast",
    size: `${N} f32 to i32`,
    fields: { from: "f32", to: "i32", n: N },
    buffers: { x: N },
    others: { y: new Int32Array(N) },
  },
  {
    op: "strided",
    size: "transpose 256x512",
    fields: { shape: [256, 512], xStrides: [1, 256], yStrides: [512, 1] },
    buffers: { x: 256 * 512, y: 256 * 512 },
  },
  {
    op: "strided",
    size: `swap the outer two of ${STRIDED.join("x")}`,
    fields: { shape: STRIDED, xStrides: [512, 4096, 16, 1], yStrides: [8192, 512, 16, 1] },
    buffers: { x: times(STRIDED), y: times(STRIDED) },
  },
  {
    op: "unary",
    size: `relu ${N}`,
    fields: { fn: "relu", n: N, alpha: 1, beta: 0 },
    buffers: { x: N, y: N },
  },
  {
    op: "unary",
    size: `gelu ${N}`,
    fields: { fn: "gelu", n: N, alpha: 1, beta: 0 },
    buffers: { x: N, y: N },
  },
  {
    op: "binary",
    size: `add ${N}`,
    fields: { fn: "add", shape: [N], aStrides: [1], bStrides: [1] },
    buffers: { a: N, b: N, y: N },
  },
  {
    op: "binary",
    size: "add 256x256 + 256",
    fields: { fn: "add", shape: [256, 256], aStrides: [256, 1], bStrides: [0, 1] },
    buffers: { a: 65536, b: 256, y: 65536 },
  },
  {
    op: "random",
    size: `uniform ${N}`,
    fields: { kind: "uniform", seed: 1, stream: 2, n: N, a: 0, b: 1 },
    buffers: { y: N },
  },
  {
    op: "dropout",
    size: `${N}`,
    fields: { n: N, seed: 1, stream: 2, p: 0.1 },
    buffers: { x: N, y: N },
    others: { step: Float64Array.of(3) },
  },
  {
    op: "reduce",
    size: "rows 64x1024",
    fields: { fn: "sum", outer: 64, n: 1024, inner: 1, scale: 1 },
    buffers: { x: 65536, y: 64 },
  },
  {
    op: "reduce",
    size: "columns 1024x64",
    fields: { fn: "sum", outer: 1, n: 1024, inner: 64, scale: 1 },
    buffers: { x: 65536, y: 64 },
  },
  ...rowwise("argmax", ["x"], []),
  ...rowwise("softmax", ["x", "y"], [], { log: false, causal: false }),
  ...rowwise("softmaxGrad", ["y", "gy", "gx"], [], { log: false }),
  ...rowwise("crossEntropy", ["logits"], ["loss", "lse"]),
  ...rowwise("crossEntropyGrad", ["logits", "gx"], ["lse", "gloss"]),
  ...rowwise("layerNorm", ["x", "y"], ["mean", "rstd"], { centered: true, eps: 1e-5 }),
  ...rowwise("layerNormGrad", ["x", "gy", "gx"], ["mean", "rstd"], { centered: true }),
  {
    op: "layerNormParamGrad",
    size: "1024x64",
    fields: { rows: 1024, cols: 64 },
    buffers: { x: 65536, gy: 65536, mean: 1024, rstd: 1024, ggamma: 64, gbeta: 64 },
  },
  {
    op: "embedding",
    size: "256 of 64x128",
    fields: { rows: 256, vocabulary: 64, dim: 128 },
    buffers: { table: 64 * 128, y: 256 * 128 },
    others: { indices },
  },
  {
    op: "embeddingGrad",
    size: "256 of 64x128",
    fields: { rows: 256, vocabulary: 64, dim: 128 },
    buffers: { gy: 256 * 128, gtable: 64 * 128 },
    others: { indices },
  },
  ...windowed,
];

export const LAUNCHES: readonly Launch[] = [
  ...updates,
  ...around,
  ...rest,
  ...METRIC_LAUNCHES,
  ...SPARSE_LAUNCHES,
  ...PRODUCT_LAUNCHES,
];

/** Makes the buffers, and returns what enqueues the operation on them. */
export function prepare(device: Device, { op, fields, buffers, others = {} }: Launch): () => void {
  const made: Record<string, DeviceBuffer> = {};
  for (const [name, count] of Object.entries(buffers)) made[name] = device.from(floats(1, count, 0.1, 1));
  for (const [name, data] of Object.entries(others))
    made[name] = device.from(data as Int32Array) as DeviceBuffer;
  return () => device.run(op, { ...fields, ...made });
}
