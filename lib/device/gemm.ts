// The matrix product as a direct command on buffers.

import { checkBoolean, checkChoice, checkKeys, checkNumber, given } from "../check.js";
import { ArgumentError, DTypeError, describe, ShapeError } from "../errors.js";
import type { ComputePrecision } from "../native/native.js";
import { DeviceBuffer } from "./buffer.js";
import type { Device } from "./device.js";
import { countOf, type Shape, sameShape } from "./dtype.js";

/** Activations of the epilogue. */
export type Activation = "none" | "relu" | "gelu" | "tanh" | "sigmoid";

/** Options of `gemm`. */
export interface GemmOptions {
  /** a is stored [k, m]. Default false. */
  readonly transA?: boolean;
  /** b is stored [n, k]. Default false. */
  readonly transB?: boolean;
  /** Default 1. */
  readonly alpha?: number;
  /** Default 0: c is overwritten, whatever it held. */
  readonly beta?: number;
  /** f32 [n], added to every row. */
  readonly bias?: DeviceBuffer<"f32">;
  /** Applied last. Default "none". */
  readonly activation?: Activation;
  /** What a and b are rounded to as they are read. Default "f32". */
  readonly precision?: ComputePrecision;
}

/** A precision that the device has. @throws ArgumentError that names those that it has */
export function checkPrecision(argument: string, value: unknown, device: Device): ComputePrecision {
  const precision = checkChoice(argument, value, ["f32", "bf16"]);
  const { precisions } = device.info;
  if (!precisions.includes(precision)) {
    const accepted = `${precisions.map((each) => `"${each}"`).join(" or ")} there; "bf16" takes compute capability 8.0 or later`;
    throw new ArgumentError({ argument, got: `"${precision}" on ${device}`, accepted });
  }
  return precision;
}

function checkMatrix(argument: string, value: unknown): DeviceBuffer<"f32"> {
  if (!(value instanceof DeviceBuffer))
    throw new ArgumentError({ argument, got: describe(value), accepted: "a DeviceBuffer" });
  if (value.dtype !== "f32") throw new DTypeError({ argument, got: value.dtype, accepted: "f32" });
  if (value.shape.length < 2)
    throw new ShapeError({ argument, got: `${value}`, accepted: "a matrix, or a batch of matrices" });
  return value as DeviceBuffer<"f32">;
}

/** The sizes of a product, or of a batch of products. */
export interface GemmProblem {
  readonly batch: Shape;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transA: boolean;
  readonly transB: boolean;
}

/** Internal: the fields of the operation for contiguous matrices; a single matrix serves the whole batch. */
export function gemmLayout({ batch, m, n, k, transA, transB }: GemmProblem, a: Shape, b: Shape) {
  return {
    batch: countOf(batch),
    m,
    n,
    k,
    transA,
    transB,
    lda: transA ? m : k,
    ldb: transB ? k : n,
    ldc: n,
    strideA: a.length > 2 ? m * k : 0,
    strideB: b.length > 2 ? k * n : 0,
    strideC: m * n,
  };
}

/** The rows and columns of op(x), the last two dimensions of a shape in one order or the other. */
export function matrixOf(shape: Shape, transposed: boolean): [rows: number, cols: number] {
  const [rows, cols] = shape.slice(-2) as [number, number];
  return transposed ? [cols, rows] : [rows, cols];
}

/**
 * Enqueues c = activation(alpha op(a) op(b) + beta c + bias). Row-major f32; a [m, k], b [k, n], c [m, n], or batches of
 * them with equal leading dimensions (a or b may be a single matrix that is used for the whole batch). Each element is one
 * fma chain in ascending k: the same bits on every device and number of threads. With `precision: "bf16"` a and b are rounded as they
 * are read, and a GPU of compute capability 8.0 or later multiplies them on tensor cores: in f32, but in an order of their own, so
 * that devices agree to rounding only. On the CPU it is there to see what the rounding does; it is not faster.
 * @throws ShapeError, DTypeError, ArgumentError, DisposedError
 */
export function gemm(c: DeviceBuffer, a: DeviceBuffer, b: DeviceBuffer, options: GemmOptions = {}): void {
  checkKeys("gemm", options, ["transA", "transB", "alpha", "beta", "bias", "activation", "precision"]);
  const [C, A, B] = [checkMatrix("gemm: 'c'", c), checkMatrix("gemm: 'a'", a), checkMatrix("gemm: 'b'", b)];
  const transA = checkBoolean("gemm: 'transA'", given(options.transA, false));
  const transB = checkBoolean("gemm: 'transB'", given(options.transB, false));
  const alpha = checkNumber("gemm: 'alpha'", given(options.alpha, 1), "a finite number", () => true);
  const beta = checkNumber("gemm: 'beta'", given(options.beta, 0), "a finite number", () => true);
  const activation = checkChoice("gemm: 'activation'", given(options.activation, "none"), [
    "none",
    "relu",
    "gelu",
    "tanh",
    "sigmoid",
  ]);
  const precision = checkPrecision("gemm: 'precision'", given(options.precision, "f32"), C.device);
  const [m, k] = matrixOf(A.shape, transA);
  const [kb, n] = matrixOf(B.shape, transB);
  const [mc, nc] = matrixOf(C.shape, false);
  const batch = C.shape.slice(0, -2);
  const batchFits = [A, B].every(({ shape }) => shape.length === 2 || sameShape(shape.slice(0, -2), batch));
  if (k !== kb || m !== mc || n !== nc || !batchFits) {
    throw new ShapeError({
      argument: "gemm: shapes",
      got: `c ${C}, a ${A}, b ${B}${transA ? ", transA" : ""}${transB ? ", transB" : ""}`,
      accepted: "c [m, n], op(a) [m, k], op(b) [k, n], and equal batches",
    });
  }
  const { bias } = options;
  if (
    bias !== undefined &&
    !(bias instanceof DeviceBuffer && bias.dtype === "f32" && sameShape(bias.shape, [n]))
  ) {
    throw new ShapeError({
      argument: "gemm: 'bias'",
      got: `${describe(bias)}`,
      accepted: `a buffer f32 [${n}]`,
    });
  }
  const layout = gemmLayout({ batch, m, n, k, transA, transB }, A.shape, B.shape);
  c.device.run("gemm", { ...layout, alpha, beta, activation, precision, a: A, b: B, bias, c: C });
}
