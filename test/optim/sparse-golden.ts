// PyTorch's trajectories of a table with rows that repeat (test/golden/sparse.json, made by make.py).

import { readFileSync } from "node:fs";
import type { Device } from "../../lib/index.js";
import { adam, Harness, readStates, type Setup } from "./sparse-harness.js";

export interface Case {
  readonly name: string;
  readonly class: "SGD" | "AdaGrad" | "SparseAdam" | "Adam" | "AdamW" | "RowWiseAdaGrad";
  readonly options: {
    readonly lr?: number;
    readonly weightDecay?: number;
    readonly maximize?: boolean;
    readonly lrDecay?: number;
    readonly initialAccumulatorValue?: number;
    readonly eps?: number;
    readonly betas?: readonly [number, number];
    readonly momentum?: number;
    readonly decoupled?: boolean;
  };
  readonly sparse: "lazy" | "dense";
  readonly float64: {
    readonly parameters: number[][];
    readonly state: Record<string, number[]>;
    readonly stateScale: Record<string, number[]>;
  };
}

interface Golden {
  readonly table: [number, number];
  readonly initial: number[];
  readonly steps: { readonly rows: number[]; readonly values: number[][] }[];
  readonly cases: Case[];
}

export const golden: Golden = JSON.parse(
  readFileSync(new URL("../golden/sparse.json", import.meta.url), "utf8"),
);
export const UNIT = 2 ** -24;

/** The settings of a case of torch's, if it is one of ours. */
export function setupOf({ class: name, options, sparse }: Case): Setup | undefined {
  const { weightDecay = 0, maximize = false, eps } = options;
  const common = (lr: number) => [
    options.lr ?? lr,
    weightDecay,
    Number(maximize),
    Number(options.decoupled ?? false),
  ];
  const sums = { running: [0], initialState: { sum: options.initialAccumulatorValue ?? 0 } };
  if (name === "Adam" || name === "AdamW")
    return adam("catchUp", { lr: 1e-3, ...(name === "AdamW" ? { weightDecay: 0.01 } : {}), ...options });
  // torch's SparseAdam has eps beside the uncorrected root, as Keras.
  if (name === "SparseAdam") return adam("lazy", { lr: 1e-3, ...options, epsHat: true });
  if (sparse === "dense") return undefined;
  if (name === "SGD") return { rule: "sgd", mode: "lazy", hyper: common(0.01), running: [0] };
  const mode = name === "RowWiseAdaGrad" ? "rowWise" : "lazy";
  return {
    rule: "adagrad",
    mode,
    hyper: [...common(0.01), options.lrDecay ?? 0, eps ?? 1e-10, 0, 0],
    ...sums,
  };
}

export async function runGolden(device: Device, setup: Setup) {
  using harness = new Harness(device, Float32Array.from(golden.initial), golden.table, setup);
  const steps: Float32Array[] = [];
  for (const { rows, values } of golden.steps) {
    await harness.step({ rows, values: Float32Array.from(values.flat()) });
    steps.push(await harness.read());
  }
  harness.table.flush();
  return { steps, end: await harness.read(), states: await readStates(harness.table) };
}
