// Figures of evaluations: in words, and as JSON has them.

import { Scaling } from "../data/scaling.js";
import type { Evaluation } from "../train/events.js";
import type { ModelSpec } from "./model-file.js";

/** What is told of an evaluation. */
export interface Figures {
  /** Mean over the examples: cross-entropy, or the squared error of the target as it was scaled. */
  readonly loss: number;
  readonly examples: number;
  /** Of a classification: the share of examples that are classified right. */
  readonly accuracy?: number;
  /** Of a regression: the root of the mean squared error, in the target's own unit. */
  readonly rmse?: number;
}

export function figuresOf({ y }: ModelSpec, { loss, accuracy, examples }: Evaluation): Figures {
  if (!(y instanceof Scaling)) return { loss, examples, ...(accuracy !== undefined && { accuracy }) };
  return { loss, examples, rmse: Math.sqrt(loss) * (y.scale[0] as number) };
}

/** `accuracy 97.5 %`, `error 2.31 (root mean square)` */
export function figuresText({ loss, accuracy, rmse }: Figures): string {
  if (accuracy !== undefined) return `accuracy ${(100 * accuracy).toFixed(2)} %`;
  return rmse === undefined ? `loss ${loss.toFixed(4)}` : `error ${rmse.toPrecision(4)} (root mean square)`;
}
