// Results of tasks made up for tests, with the figures that a test is about.

import type { Sample } from "../../lib/compare/measures.js";
import type { OptimizerName } from "../../lib/compare/names.js";
import { OPTIMIZERS } from "../../lib/compare/optimizers.js";
import type { OptimizerResult, TaskResult } from "../../lib/compare/results.js";

/** What a made-up optimizer has achieved. */
export interface Made {
  readonly optimizer: OptimizerName;
  /** To the target. */
  readonly steps?: number;
  readonly test?: Sample;
  /** The usable range; none if it is left out. */
  readonly usable?: readonly [from: number, to: number];
  readonly open?: boolean;
  /** Milliseconds of a step, as a multiple of the baseline's. */
  readonly ratio?: number;
}

export function made({
  optimizer,
  steps = 100,
  test,
  usable,
  open = false,
  ratio = 1,
}: Made): OptimizerResult {
  const { title, adaptive } = OPTIMIZERS[optimizer];
  const [from, to] = usable ?? [1, 1];
  return {
    ...{ optimizer, title, adaptive, points: [], curve: [] },
    chosen: test && { lr: 0.1, validation: test, test },
    convergence: { lr: 0.1, steps, reached: 3, seeds: 3 },
    usable: usable && { from, to, decades: Math.log10(to / from), openBelow: false, openAbove: open },
    overhead: { optimizer, parameters: 10, stateBytes: 80, milliseconds: 0.1 * ratio, ratio, noise: 0.03 },
  };
}

export function madeTask(
  optimizers: readonly OptimizerResult[],
  score: "accuracy" | "loss" = "accuracy",
  sparse = false,
): TaskResult {
  return {
    ...{ name: "made up", about: "About", model: "a model", sparse, batchSize: 8, steps: 200, every: 10 },
    metric: { name: score, score, target: 0.9, tolerance: 0.02 },
    examples: { fit: 100, validation: 20, test: 30 },
    optimizers,
  };
}
