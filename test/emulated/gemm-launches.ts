// Launches of gemm: a product for each tile of each precision, in every storage of its operands.

import type { ComputePrecision } from "../../lib/index.js";
import type { Launch } from "./launches.js";

export interface Product {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** A product for each tile of gemm, as the host code chooses them for the 4 multiprocessors of the emulator. */
export const PRODUCTS: Readonly<Record<string, Product>> = {
  adastep_gemm_128x128: { m: 512, n: 256, k: 64 },
  adastep_gemm_64x64: { m: 64, n: 256, k: 64 },
  adastep_gemm_32x32: { m: 32, n: 128, k: 64 },
};

/** The same of gemm with bf16. */
export const BF16_PRODUCTS: Readonly<Record<string, Product>> = {
  adastep_gemm_bf16_128x128: { m: 512, n: 256, k: 64 },
  adastep_gemm_bf16_64x64: { m: 128, n: 128, k: 64 },
  adastep_gemm_bf16_32x32: { m: 32, n: 128, k: 64 },
};

export const TRANSPOSITIONS = [
  { transA: false, transB: false },
  { transA: false, transB: true },
  { transA: true, transB: false },
  { transA: true, transB: true },
] as const;

export function gemmLaunch(
  { m, n, k }: Product,
  transA: boolean,
  transB: boolean,
  precision: ComputePrecision = "f32",
): Launch {
  const strides = { strideA: m * k, strideB: k * n, strideC: m * n };
  const leading = { lda: transA ? m : k, ldb: transB ? k : n, ldc: n };
  return {
    op: "gemm",
    size: `${m}x${n}x${k} ${precision} ${transA ? "T" : "N"}${transB ? "T" : "N"}`,
    fields: {
      ...{ batch: 1, m, n, k, transA, transB, alpha: 1, beta: 0, activation: "none", precision },
      ...leading,
      ...strides,
    },
    buffers: { a: m * k, b: k * n, c: m * n },
  };
}

/** Every product in every storage. */
export const PRODUCT_LAUNCHES: readonly Launch[] = [
  ...Object.values(PRODUCTS).map((product) => [product, "f32"] as const),
  ...Object.values(BF16_PRODUCTS).map((product) => [product, "bf16"] as const),
].flatMap(([product, precision]) =>
  TRANSPOSITIONS.map(({ transA, transB }) => gemmLaunch(product, transA, transB, precision)),
);
