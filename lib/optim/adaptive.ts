// Adaptive gradient clipping: a limit for the gradient of each unit of a layer, relative to the unit's weights.

import { checkKeys, checkNumber, given } from "../check.js";
import type { DeviceBuffer } from "../device/buffer.js";
import type { Recorder } from "../tensor/recorder.js";
import { placeIn } from "./layout.js";
import type { OptimizerMemory, RunMemory } from "./memory.js";

/**
 * Adaptive gradient clipping (Brock et al. 2021, arXiv:2102.06171, equation 3; optax.adaptive_grad_clip): where the norm of a unit's
 * gradient G is above `factor` max(||W||, eps), W the weights of the unit, the gradient becomes
 *
 *   G factor max(||W||, eps) / ||G||
 *
 * A unit is what makes one output: a row, `weight[i]`, of parameters of two dimensions or more (the weight of Linear is
 * [outputs, inputs], as PyTorch's; an embedding that is not sparse has a unit per word), and the whole of a vector or scalar. optax
 * takes weights as [inputs, outputs], so there it is a column.
 */
export interface AdaptiveClipOptions {
  /** Default 0.01. */
  readonly factor?: number;
  /** The least norm that weights are taken to have, so that zeros can leave zero. Default 1e-3. */
  readonly eps?: number;
}

/** `adaptive` of the clip options; a number is the factor. */
export function checkAdaptive(argument: string, value: unknown): Required<AdaptiveClipOptions> {
  const positive = (name: string, v: unknown): number =>
    checkNumber(name, v, "a number above 0", (n) => n > 0);
  if (typeof value === "number") return { factor: positive(argument, value), eps: 1e-3 };
  const options = value as AdaptiveClipOptions;
  checkKeys(argument, options, ["factor", "eps"]);
  const at = argument.slice(0, -1); // "minimize: 'clip.adaptive"
  return {
    factor: positive(`${at}.factor'`, given(options.factor, 0.01)),
    eps: positive(`${at}.eps'`, given(options.eps, 1e-3)),
  };
}

/** The units of a run, as core/ops/clip.h has them. */
function unitsOf({ run, gradient }: RunMemory) {
  const words: number[] = [];
  let [rows, longest] = [0, 0];
  for (const { parameter } of run.segments) {
    const { value, grad } = parameter;
    if (value.length === 0 || !grad) continue;
    const count = value.shape.length < 2 ? 1 : (value.shape[0] as number);
    const cols = value.length / count;
    words.push(rows, count, cols, placeIn(run.value, value), placeIn(gradient, grad));
    rows += count;
    longest = Math.max(longest, cols);
  }
  return { words: BigInt64Array.from(words, BigInt), rows, longest };
}

const WORDS = 5; // kUnitsWords of core/ops/clip.h

/** Records the clipping of all gradients, in place: before anything else reads them. `scaled`: they are those of a scaled loss. */
export function recordAdaptiveClip(
  recorder: Recorder,
  memory: OptimizerMemory,
  { factor, eps }: Required<AdaptiveClipOptions>,
  scaled: boolean,
): void {
  for (const of of memory.runs) {
    const { words, rows, longest } = unitsOf(of);
    if (rows === 0) continue;
    const table = (): DeviceBuffer => memory.device.from(new Uint8Array(words.buffer));
    recorder.emit("adaptiveClip", {
      ...{ dtype: of.gradient.dtype, count: words.length / WORDS, rows, longest },
      ...{ pSize: of.run.value.length, gSize: of.gradient.length, limit: factor, eps },
      units: memory.shared(`units of ${of.run.firstSegment}`, table),
      scale: scaled ? memory.lossScale : undefined,
      p: of.run.value,
      g: of.gradient,
    });
  }
}
